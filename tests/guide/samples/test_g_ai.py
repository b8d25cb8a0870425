"""The samples of chapter 24 survive what their prose is about: starved filters, stale rights, broken streams, leaks."""

import itertools
import random
import sqlite3

import pytest


@pytest.fixture(scope="module")
def vectors(sample):
    return sample("ai/vectors/filters")


@pytest.mark.parametrize("share", [0.005, 0.02, 0.2])
def test_a_filtered_vector_search_returns_k_items_however_few_are_allowed(vectors, share):
    rng = random.Random(3)
    index, queries = vectors["index"], vectors["queries"]
    allowed = set(rng.sample(range(len(index.vectors)), max(10, int(share * len(index.vectors)))))
    for query in queries:
        found = index.search(query, 10, probes=2, allowed=allowed.__contains__)
        assert len(found) == 10 and set(found) <= allowed


def test_an_index_with_fewer_allowed_items_than_k_returns_them_all_and_ends(vectors):
    found = vectors["index"].search(vectors["queries"][0], 10, probes=1, allowed={3, 77}.__contains__)
    assert set(found) == {3, 77}


def test_more_probes_never_lower_the_recall(vectors):
    measured = [vectors["recall"](probes) for probes in (1, 2, 4, 8, 16)]
    assert measured == sorted(measured) and measured[-1] == 1.0


def test_chunks_of_one_document_do_not_vote_twice(sample):
    fuse = sample("ai/hybrid/code")["fuse"]
    assert fuse([["a"] * 30 + ["b"], ["b", "c"]])[0] == "b"
    assert fuse([["a", "a", "a"], ["b"]]) == ["a", "b"]  # equal scores, in a stable order


def test_a_search_without_any_answer_is_an_error_and_not_an_empty_result(sample):
    names = sample("ai/hybrid/code")
    with pytest.raises(names["NothingAnswers"], match="bm25, vectors"):
        names["search"]("q", {"bm25": names["down"], "vectors": names["down"]})
    assert names["search"]("q", {"bm25": lambda q: []}) == ([], [])  # answered: nothing matches


@pytest.fixture
def rag(sample):
    return sample("ai/rag/access")


def test_a_right_revoked_after_indexing_closes_the_prompt_at_once(rag):
    documents = {"holidays": {"version": 1, "groups": rag["staff"]}}

    def passages():
        return [c.id for c in rag["context_for"]("ada", "?", rag["search"], rag["people"], documents)]

    assert passages() == ["c3"]
    documents["holidays"]["groups"] = frozenset({"hr"})
    assert passages() == []
    documents["holidays"] = {"version": 1, "groups": rag["staff"]}
    rag["people"].members["ada"] = []
    assert passages() == []


def test_deleted_and_edited_documents_do_not_reach_the_prompt(rag):
    for documents in ({}, {"holidays": {"version": 2, "groups": rag["staff"]}}):
        assert rag["context_for"]("ada", "?", rag["search"], rag["people"], documents) == []


def test_the_limit_is_filled_from_what_may_be_read(rag):
    """A limit applied before the second check would return fewer passages than exist."""
    staff = rag["staff"]
    chunks = [rag["Chunk"](f"x{n}", f"d{n}", 1, staff, "") for n in range(20)]
    documents = {f"d{n}": {"version": 1 if n >= 10 else 2, "groups": staff} for n in range(20)}
    found = rag["context_for"]("ada", "?", lambda q, allowed: iter(chunks), rag["people"], documents, limit=5)
    assert [c.id for c in found] == [f"x{n}" for n in range(10, 15)]


@pytest.mark.parametrize(
    ("source", "quote", "kept"),
    [
        ("p1", "Refunds are possible, within 30 days", True),  # case and punctuation may differ
        ("p2", "refunds are possible within 30 days", False),  # stands in another passage
        ("p1", "refunds are possible within 3", False),  # a word cut short is another word
        ("p1", "", False),
        ("p9", "refunds are possible within 30 days", False),
    ],
)
def test_a_statement_is_shown_only_with_a_quote_that_stands_in_its_passage(sample, source, quote, kept):
    names = sample("ai/rag/citations")
    assert bool(names["verify"]([("s", source, quote)], names["passages"])[0]) is kept


def run(scheduler, limit=5_000):
    while scheduler.waiting or scheduler.running:
        scheduler.step()  # asserts that the cache never overflows
        assert scheduler.steps < limit, "the scheduler makes no progress"


@pytest.mark.parametrize("seed", range(20))
def test_every_request_ends_and_the_cache_never_overflows(sample, seed):
    rng, scheduler = (
        random.Random(seed),
        sample("ai/serving/batching")["Scheduler"](kv_tokens=600, max_batch=8),
    )
    for n in range(25):
        scheduler.submit(n, prompt=rng.randrange(10, 200), output=rng.randrange(1, 200))
    run(scheduler)
    assert sorted(scheduler.done) == list(range(25))


def test_a_request_that_can_never_fit_is_refused_and_blocks_nobody(sample):
    names = sample("ai/serving/batching")
    scheduler = names["Scheduler"](kv_tokens=100, max_batch=2)
    with pytest.raises(names["TooLarge"]):
        scheduler.submit("huge", prompt=90, output=20)
    scheduler.submit("fits exactly", prompt=90, output=10)
    run(scheduler)
    assert list(scheduler.done) == ["fits exactly"]


def test_short_requests_do_not_wait_for_the_longest_of_their_batch(sample):
    scheduler = sample("ai/serving/batching")["Scheduler"](kv_tokens=10_000, max_batch=2)
    for n, output in enumerate([500, 5, 5, 5, 5]):
        scheduler.submit(n, prompt=10, output=output)
    run(scheduler)
    assert max(scheduler.done[n] for n in (1, 2, 3, 4)) == 20 and scheduler.steps == 500


def test_a_token_budget_is_never_overdrawn_by_calls_in_flight(sample):
    now = [0.0]
    budget = sample("ai/gateway/token-limits")["TokenBudget"](6000, clock=lambda: now[0])
    admitted = [n for n in range(20) if budget.reserve(n, 500, 500) is None]
    assert len(admitted) == 6  # without reservation all twenty would have been let in
    for n in admitted:
        budget.settle(n, used=600)
    assert budget.level == 6 * 400


def test_settling_twice_or_for_an_unknown_call_gives_nothing_away(sample):
    now = [0.0]
    budget = sample("ai/gateway/token-limits")["TokenBudget"](6000, clock=lambda: now[0])
    budget.reserve("a", 1000, 1000)
    for _ in range(3):
        budget.settle("a", used=500)
    budget.settle("never reserved", used=-10_000)
    assert budget.level == 5500
    now[0] = -50.0  # the clock jumps back
    assert budget.reserve("b", 5000, 500) is None and budget.level == 0


def test_a_wait_that_is_obeyed_is_long_enough(sample):
    now = [0.0]
    budget = sample("ai/gateway/token-limits")["TokenBudget"](6000, clock=lambda: now[0])
    budget.reserve("a", 6000, 0)
    now[0] += budget.reserve("b", 1000, 234)
    assert budget.reserve("b", 1000, 234) is None


@pytest.mark.parametrize("shown", range(5))
def test_a_second_model_speaks_only_if_the_first_was_silent(sample, shown):
    names = sample("ai/gateway/fallbacks")

    def breaks(prompt):
        yield from "abcdef"[:shown]
        raise names["Unavailable"]

    got = list(
        names["stream"]("?", [("a", breaks), ("b", lambda p: iter("xyz"))], 100, itertools.count().__next__)
    )
    text = "".join(token for kind, token in got if kind == "token")
    assert text == ("abcdef"[:shown] or "xyz")
    assert [kind for kind, _ in got if kind != "token"] == (["error"] if shown else ["done"])


def test_the_stream_always_ends_with_one_verdict_and_keeps_the_deadline(sample):
    names = sample("ai/gateway/fallbacks")
    asked = []

    def slow_refusal(prompt):
        asked.append(1)
        raise names["Unavailable"]
        yield

    got = list(
        names["stream"]("?", [(str(n), slow_refusal) for n in range(50)], 3, itertools.count().__next__)
    )
    assert [kind for kind, _ in got] == ["error"] and len(asked) == 2


def test_a_user_who_leaves_stops_the_generation(sample):
    names, stopped = sample("ai/gateway/fallbacks"), []

    def generate(prompt):
        try:
            while True:
                yield "x"
        finally:
            stopped.append(1)

    got = names["stream"]("?", [("a", generate)], 100, itertools.count().__next__)
    next(got)
    got.close()
    assert stopped == [1]


def test_no_training_row_holds_a_value_that_was_not_known_at_its_time(sample):
    names, db, rng = sample("ai/ml/features"), sqlite3.connect(":memory:"), random.Random(2)
    db.execute("CREATE TABLE labels (user TEXT, at INTEGER, clicked INTEGER)")
    db.execute("CREATE TABLE features (user TEXT, known_from INTEGER, clicks_7d INTEGER)")
    labels = [(rng.choice("ab"), rng.randrange(100), 0) for _ in range(60)]
    db.executemany("INSERT INTO labels VALUES (?, ?, ?)", labels)
    features = [
        (user, at, at) for user in "ab" for at in rng.sample(range(100), 12)
    ]  # the value is its own time
    db.executemany("INSERT INTO features VALUES (?, ?, ?)", features)
    rows = db.execute(names["AS_OF"]).fetchall()
    assert len(rows) == 60
    for user, at, value in rows:
        known = [t for u, t, _ in features if u == user and t <= at]
        assert value == (max(known) if known else None)
    assert any(value > at for _, at, value in db.execute(names["NEWEST"]))  # what the prose warns of
