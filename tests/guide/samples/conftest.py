"""The guide's code samples, by the section they stand in, so that tests can make them fail."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import rules

PAGES = {
    page.section_id: page for page in rules.read_pages(sorted((Path(__file__).parents[3] / "corpus" / "guide").glob("*.md")))
}


@pytest.fixture(scope="session")
def sample():
    """`sample(section_id, n=0, **names)`: runs the section's n-th Python block with these names defined.

    Returns its namespace. Names that the block defines itself win, so a fake is passed to what it defines.
    """

    def run(section_id: str, n: int = 0, **names: object) -> dict[str, object]:
        blocks = [block for block in PAGES[section_id].blocks if block.info.startswith("python")]
        namespace: dict[str, object] = {"__name__": "sample", **names}
        exec(compile(blocks[n].body, section_id, "exec"), namespace)
        return namespace

    return run


@pytest.fixture(scope="session")
def sql():
    """`sql(section_id, n=0)`: the text of the section's n-th SQL block."""

    def text(section_id: str, n: int = 0) -> str:
        return [block.body for block in PAGES[section_id].blocks if block.info.startswith("sql")][n]

    return text
