"""Windows and sentences of the verifier; its judgement is tested by the evals."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tutor.verification.verifier import WINDOW_SIZE, sentences, size_of, windows


@given(st.text(max_size=400))
def test_spans_lie_in_the_text_in_order(text):
    spans = sentences(text)
    assert spans and all(0 <= a <= b <= len(text) for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in pairwise(spans))


def test_a_long_passage_is_read_in_overlapping_windows():
    passage = " ".join(
        f"Sentence number {i} speaks about the thing called item{i} at some length." for i in range(80)
    )
    found = windows(0, passage)
    assert len(found) > 3 and all(size_of(w.text) <= WINDOW_SIZE for w in found)
    assert found[0].spans[-1] == found[1].spans[0]
    covered = {span for w in found for span in w.spans}
    assert covered == set(sentences(passage))


def test_an_empty_passage_has_no_window():
    assert windows(0, "  ") == []
