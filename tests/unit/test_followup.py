"""The gate that decides whether a question needs its history, and the rewrite."""

import pytest

from tutor.answering.followup import needs_history, rewrite

LAST = "What is write-behind?"


@pytest.mark.parametrize("question", [
    "When should I use it?", "why?", "What about its costs?", "and what does it cost?", "give me an example",
    "How does that compare with write-through?", "What are the risks of this?", "more", "Does it lose data?",
])  # fmt: skip
def test_pointing_questions_need_history(question):
    assert needs_history(question, True)
    assert not needs_history(question, False)


@pytest.mark.parametrize("question", [
    "What is write-through caching?", "How does consistent hashing move keys when a shard is added?",
    "Why do replicas lag behind their primary, and how is it measured?", "Is exactly-once delivery possible?",
    "How do I make sure that the cache is fresh after a write?",
])  # fmt: skip
def test_whole_questions_stand_alone(question):
    assert not needs_history(question, True)


@pytest.mark.parametrize(("question", "alone"), [
    ("When should I use it?", "When should I use write-behind?"),
    ("What are its costs?", "What are write-behind's costs?"),
    ("why?", "why (write-behind)?"),
    ("What about data loss?", "What about data loss (write-behind)?"),
    ("...", "More: write-behind?"),
])  # fmt: skip
def test_the_topic_takes_the_pointers_place_or_is_added(question, alone):
    assert rewrite(question, LAST) == alone


def test_a_topic_that_is_not_plain_gives_its_content_words():
    last = "How do I know that nobody forged a webhook which I got?"
    assert rewrite("and replays?", last) == "replays (know nobody forged webhook got)?"
