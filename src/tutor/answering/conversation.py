"""A question within a conversation: what it is alone, and how the guide's sections rank for it.

A question that leans on the one before it is rewritten, and its sections are ranked by more than the rewriting finds:
also by where they stand to the section that the last question led to, so that "and async?" finds the sibling of what was
asked about. Does not know what is shown of a section.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tutor.answering import followup
from tutor.parameters.store import decision, threshold
from tutor.retrieval import ranking
from tutor.retrieval.embedder import Vectors
from tutor.retrieval.retriever import Retriever
from tutor.schema import Section

RELATIONS = ("same", "sibling", "chapter", "file", "child", "neighbour")
FEATURES = ("rewritten", "titled", *RELATIONS, *(f"own_{name}" for name in ranking.FEATURES))
"""Signals that rank sections beside the question's own score (`parameters/followup_ranking.json`)."""


@dataclass(frozen=True)
class Resolved:
    """A question that stands alone, and the order of the sections for it; None where its own scores rank them."""

    question: str
    order: Vectors | None = None


def resolve(question: str, last: str, retriever: Retriever) -> Resolved:
    """The question after the question `last`, which stands alone itself.

    Raises:
        RetrievalError: the vector store failed.
    """
    weights = np.array(decision("followup_ranking", FEATURES).weights, np.float32)
    leaning = followup.leaning(question, last, retriever)
    alone = followup.rewrite(question, last) if leaning >= threshold("followup", "rewritten_from") else question
    order = retriever.scores(question) + leaning * (signals(question, last, retriever) @ weights)
    return Resolved(alone, order)


def signals(question: str, last: str, retriever: Retriever) -> Vectors:
    """What speaks for each section where the question leans on the last, in the order of FEATURES.

    The scores of the rewritten question and of the question with the title of the section that the last one led to;
    how each section stands to that one (0 or 1 each); and the question's own rows of `ranking.FEATURES`.
    """
    sections = retriever.index.sections
    here = int(np.argmax(retriever.scores(last)))
    return np.column_stack(
        [
            retriever.scores(followup.rewrite(question, last)),
            retriever.scores(followup.with_topic(question, sections[here].title)),
            relations(sections, here),
            retriever.rows(question),
        ]
    ).astype(np.float32)


def relations(sections: tuple[Section, ...], here: int) -> Vectors:
    """Where each section stands to the one at `here`, shape (sections, len(RELATIONS)), 0 or 1."""
    former = sections[here]
    chapter = followup.chapter(former.id)
    return np.array(
        [
            (
                at == here,
                section.parent == former.parent,
                followup.chapter(section.id) == chapter,
                section.path == former.path,
                section.parent == former.id,
                abs(at - here) == 1,
            )
            for at, section in enumerate(sections)
        ],
        dtype=np.float32,
    )
