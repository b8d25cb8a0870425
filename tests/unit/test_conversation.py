"""Where a follow-up looks: sections by how they stand to the one that was asked about."""

from pathlib import Path

from tutor.answering.conversation import RELATIONS, relations
from tutor.corpus.read import read_corpus

GUIDE = Path(__file__).parents[2] / "corpus" / "guide"


def related(relation, former):
    sections = tuple(section for document in read_corpus(GUIDE) for section in document.sections)
    held = relations(sections, [section.id for section in sections].index(former))
    return {section.id for section, row in zip(sections, held, strict=True) if row[RELATIONS.index(relation)]}


def test_a_section_has_siblings_a_neighbour_and_a_chapter():
    former = "fundamentals/replication/types/synchronous"
    assert related("same", former) == {former}
    assert "fundamentals/replication/types/asynchronous" in related("sibling", former)
    assert len(related("neighbour", former)) == 2
    assert related("sibling", former) < related("chapter", former) < related("file", former)


def test_a_section_has_children():
    assert "fundamentals/replication/types/synchronous" in related("child", "fundamentals/replication/types")
    assert not related("child", "fundamentals/replication/types/synchronous")
