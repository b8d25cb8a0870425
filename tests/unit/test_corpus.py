"""Reading and cutting Markdown: ids, spans, and what must never be cut."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tutor.corpus.blocks import passages, plain, sentence_spans
from tutor.corpus.chunk import HARD_LIMIT, chunks
from tutor.corpus.read import read_corpus, sections
from tutor.errors import CorpusError

PAGE = """# 6. Caching {#caching}

A cache keeps copies near their readers. It costs memory.

## Patterns {#caching/patterns}

These patterns differ in who writes:

| pattern | writer |
|---|---|
| cache-aside | application |
| write-behind | cache |

### Write-behind

Write-behind acknowledges first, e.g. in 1.5 ms. The database follows:

```python
# not a heading
x = 1
```

- a first point
- a second
  continued

<!-- calc: 1 + 1 = 2 -->
"""


def cut(text: str):
    found = sections(text, "p.md", set())
    return found, [piece for section in found for piece in chunks(section)]


def test_ids_come_from_the_attribute_or_the_path():
    found, _ = cut(PAGE)
    assert [s.id for s in found] == ["caching", "caching/patterns", "caching/patterns/write-behind"]
    assert found[2].heading_path == ("6. Caching", "Patterns", "Write-behind")
    assert found[2].parent == "caching/patterns"


def test_spans_of_sections_chunks_and_passages_are_the_text():
    found, pieces = cut(PAGE)
    assert "".join(s.text for s in found) == PAGE
    for item in [*pieces, *(p for s in found for p in passages(s))]:
        assert item.text == PAGE[item.start : item.end]


def test_tables_code_and_lists_keep_their_lead_in():
    _, pieces = cut(PAGE)
    table = next(p for p in pieces if "cache-aside" in p.text)
    assert "These patterns differ" in table.text
    code = next(p for p in pieces if "x = 1" in p.text)
    assert "The database follows:" in code.text


def test_comments_are_no_part_of_any_passage():
    found, pieces = cut(PAGE)
    assert not any("calc" in p.text for p in pieces)
    assert not any("calc" in p.text for s in found for p in passages(s))


def test_sentences_survive_abbreviations_and_decimals():
    text = "Write-behind waits, e.g. 1.5 ms. Then it flushes (once a second). Done"
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        "Write-behind waits, e.g. 1.5 ms.",
        "Then it flushes (once a second).",
        "Done",
    ]


def test_plain_drops_marks_but_not_words():
    assert plain("- **Cache** the [value](#x/y) of `f_1`") == "Cache the value of f_1"
    assert plain("| a | 5 ms |") == "a, 5 ms"


def test_items_and_rows_are_passages():
    found, _ = cut(PAGE)
    kinds = {p.text: p.kind for s in found for p in passages(s)}
    assert kinds["a first point"] == "item"
    assert kinds["a second\n  continued"] == "item"
    assert kinds["| cache-aside | application |"] == "row"
    assert "| pattern | writer |" not in kinds


def test_duplicate_headings_get_ids_of_their_own():
    found, _ = cut("# A\n\none\n\n## B\n\ntwo\n\n## B\n\nthree\n")
    assert [s.id for s in found] == ["a", "a/b", "a/b-2"]


def test_a_page_without_headings_is_one_section():
    found, pieces = cut("just text\n")
    assert [s.title for s in found] == ["p"] and pieces[0].text == "just text"


def test_a_five_megabyte_table_is_cut_into_bounded_chunks():
    rows = "".join(f"| key-{i} | {'v' * 60} |\n" for i in range(70_000))
    found, pieces = cut(f"# T\n\nAll keys:\n\n| k | v |\n|---|---|\n{rows}")
    assert len(found[0].text) > 5_000_000
    assert max(len(p.text) for p in pieces) <= HARD_LIMIT
    assert sum("key-69999 " in p.text for p in pieces) == 1


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([
    "# H\n", "## H {#a/b}\n", "text one. Text two!\n", "\n", "```\n", "| a | b |\n", "|---|---|\n",
    "- item\n",
    "  more\n", "<!-- x -->\n", "é ü. 漢字\n", "1. one\n",
]), max_size=30))  # fmt: skip
def test_any_markdown_keeps_its_offsets_and_loses_nothing(lines):
    text = "".join(lines)
    found, pieces = cut(text)
    assert all(s.text == text[s.start : s.end] for s in found)
    assert all(p.text == text[p.start : p.end] for p in pieces)
    ordered = sorted(pieces, key=lambda p: p.start)
    assert all(a.end <= b.start for a, b in itertools.pairwise(ordered))
    for section in found:
        for passage in passages(section):
            assert passage.text == text[passage.start : passage.end]


@pytest.mark.parametrize(
    ("data", "words"), [(b"# A\n\nx\n\xff\xfe", "line 4"), (b"# A\n\x00", "binary data")]
)
def test_a_file_that_is_not_text_names_its_line(tmp_path: Path, data: bytes, words: str):
    (tmp_path / "bad.md").write_bytes(data)
    with pytest.raises(CorpusError, match=words):
        read_corpus(tmp_path)


def test_an_empty_folder_says_so_and_an_empty_file_does_no_harm(tmp_path: Path):
    with pytest.raises(CorpusError, match="No Markdown"):
        read_corpus(tmp_path)
    (tmp_path / "a.md").write_text("")
    (tmp_path / "b.md").write_text("# B\n\ntext\n")
    assert [len(d.sections) for d in read_corpus(tmp_path)] == [0, 1]
