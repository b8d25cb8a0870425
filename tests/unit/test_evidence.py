"""What is read of a question: which sentences, with what around them, and how it is summed up."""

import numpy as np

from tutor.answering.evidence import READ, Evidence, around, gather
from tutor.answering.extract import Candidates
from tutor.corpus.blocks import Passage


def passage(section, n):
    text = f"Sentence {n} of {section}."
    return Passage(section, f"{section}.md", n * 100, n * 100 + len(text), text, text, "prose")


PASSAGES = tuple(passage(section, n) for section in ("a", "b") for n in range(5))


class Reads:
    """A verifier that denies whatever holds a word and keeps what it was given."""

    def __init__(self, word):
        self.word, self.pairs = word, []

    def read(self, pairs):
        self.pairs = list(pairs)
        denied = np.array([self.word in text for text, _ in pairs], dtype=np.float32)
        return np.stack([denied, np.zeros_like(denied), 1 - denied], axis=1)


def test_a_sentence_is_read_with_its_neighbours_of_the_same_section():
    assert around(PASSAGES, 0) == "Sentence 0 of a. Sentence 1 of a."
    assert around(PASSAGES, 4) == "Sentence 3 of a. Sentence 4 of a."
    assert around(PASSAGES, 7) == "Sentence 1 of b. Sentence 2 of b. Sentence 3 of b."


def test_the_best_sentences_are_read_and_no_two_are_neighbours():
    weights = np.array([0.1, 0.9, 0.95, 0.2, 0.3, 0.4, 0.5, 0.85, 0.2, 0.1])
    verifier = Reads("of b")
    read = gather("What?", weights, Candidates((), PASSAGES, np.zeros((10, 2), dtype=np.float32), ([],) * 10), verifier)
    assert read.passages[:2] == (2, 7) and len(read.passages) == len(verifier.pairs) == READ
    assert all(abs(a - b) > 1 for a in read.passages for b in read.passages if a != b)
    assert read.logits.max() < 4.7 and read.logits[1, 0] > 4.5 and read.logits[0, 1] > 4.5


def test_where_little_was_read_the_second_strongest_is_the_least():
    read = Evidence((3,), np.array([[1.5, -2.0]]))
    assert read.strongest(0) == (1.5, -4.6) and read.strongest(1) == (-2.0, -4.6)
