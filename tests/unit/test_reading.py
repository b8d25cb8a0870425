"""Reading the candidate: the classifier, kept vectors, and the decisions made of them, on made-up vectors."""

import numpy as np
import pytest

from tutor.interview.classifier import RidgeClassifier
from tutor.interview.matching import denied, features
from tutor.interview.problem import Fact
from tutor.interview.scoping import FactFinder
from tutor.interview.statements import echoed, pairs, statements
from tutor.retrieval.kept import KeptVectors

AXES = {"users": 0, "latency": 1, "storage": 2}


class Axes:
    """Embeds a text as the sum of the axes of the words it holds; counts how often it is asked."""

    fingerprint = "axes"

    def __init__(self):
        self.calls = 0

    def embed(self, texts, progress=None):
        self.calls += 1
        out = np.zeros((len(texts), 4), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            for word, axis in AXES.items():
                row[axis] = word in text
            row[3] = not row.any()
        return out / np.linalg.norm(out, axis=1, keepdims=True)


def test_a_class_is_told_from_the_others_and_from_what_is_none():
    rng = np.random.default_rng(0)
    centres = np.eye(8)[:3]
    owner = [i for i in range(3) for _ in range(10)]
    near = centres[owner] + rng.normal(0, 0.1, (30, 8))
    others = np.eye(8)[[4] * 10] + rng.normal(0, 0.1, (10, 8))

    def unit(x):
        return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)

    classifier = RidgeClassifier(unit(near), owner, 3, unit(others))
    scores = classifier.scores(unit(centres + rng.normal(0, 0.1, (3, 8))))
    assert scores.argmax(axis=1).tolist() == [0, 1, 2] and scores.diagonal().min() > 0.6
    assert classifier.scores(unit(np.eye(8)[[4]])).max() < 0.2


def test_a_classifier_needs_no_counterexamples():
    vectors = np.eye(4, dtype=np.float32)
    scores = RidgeClassifier(vectors, [0, 0, 1, 1], 2, np.zeros((0, 4), dtype=np.float32)).scores(vectors)
    assert scores.argmax(axis=1).tolist() == [0, 0, 1, 1]


FACTS = (
    Fact(id="users", asks="users", says="users are many", phrasings=("how many users?",)),
    Fact(id="latency", asks="latency", says="latency is low", phrasings=("what latency?",)),
)


def test_a_question_gets_its_fact_and_one_that_none_answers_is_left():
    axes = Axes()
    finder = FactFinder(FACTS, ("which storage?", "which language?"), axes.embed, axes.embed)
    found, left = finder.asked(statements("How many users will it have? Which storage do you prefer? We shard."))
    assert [fact.id for fact in found] == ["users"]
    assert [statement.text for statement in left] == ["Which storage do you prefer?"]


def test_a_vector_is_computed_once_and_a_damaged_file_is_computed_again(tmp_path):
    axes = Axes()
    first = KeptVectors(tmp_path, axes)(["users", "latency"])
    again = KeptVectors(tmp_path, axes)
    assert (again(["latency", "users"]) == first[::-1]).all() and axes.calls == 1
    assert again(["users", "storage"]).shape == (2, 4) and axes.calls == 2
    (file,) = tmp_path.glob("*.npz")
    file.write_bytes(b"PK\x03\x04 broken")
    assert (KeptVectors(tmp_path, axes)(["users", "latency"]) == first).all() and axes.calls == 3
    assert KeptVectors(tmp_path, axes)([]).shape == (0, 4)


def test_the_evidence_is_in_the_order_of_its_names_and_finite():
    read = np.array([[1.0, 0.0, 0.0], [0.1, 0.2, 0.7]], dtype=np.float32)
    row = features(0.6, 0.2, 0.5, [(0, 5)], "We skip caching.", read)
    named = row._asdict()
    assert np.isfinite(row).all()
    assert named["margin"] == pytest.approx(0.4) and named["cue"] == 1.0 and named["contradiction"] > 0.99
    assert named["best_reading"] > named["reading"]


@pytest.mark.parametrize(
    "text, cue, is_denied",
    [
        ("We do not need a cache here", "cache", True),
        ("We never lose writes, so a cache is fine", "cache", False),
        ("A cache rather than a bigger database", "cache", False),
        ("I would skip the cache", "cache", True),
    ],
)
def test_a_denial_before_the_cue_in_its_clause_counts(text, cue, is_denied):
    at = text.index(cue)
    assert denied(text, [(at, at + len(cue))]) is is_denied


def test_neighbouring_assertions_are_read_together_and_questions_are_not():
    text = "We shard by user. That spreads the writes. How many users?"
    said = statements(text)
    assert [pair.text for pair in pairs(text, said)] == ["We shard by user. That spreads the writes."]


def test_an_echo_is_what_the_interviewer_said():
    assert echoed("Which database would you take?", ["Which database would you take, and why?"])
    assert not echoed("I would take Postgres", ["Which database would you take, and why?"])
