"""Every diagram of the guide is parsed by the Mermaid version that the app serves, in a real browser."""

import sys
from pathlib import Path

from tutor.ui.page import mermaid_address

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "guide"))
import rules  # noqa: E402

PAGES = rules.read_pages(sorted((ROOT / "corpus" / "guide").glob("*.md")))
DIAGRAMS = {
    f"{page.section_id}:{block.line}": block.body
    for page in PAGES
    for block in page.blocks
    if block.info == "mermaid"
}
PARSE = """async ([address, texts]) => {
  const loaded = await import(address);
  const mermaid = loaded.default || Object.values(loaded).find((v) => v && v.render && v.initialize);
  mermaid.initialize({ startOnLoad: false });
  const faults = {};
  for (const [name, text] of Object.entries(texts)) {
    try { await mermaid.parse(text); } catch (error) { faults[name] = String(error).slice(0, 300); }
  }
  return faults;
}"""


def faults(page, app, texts):
    page.goto(app.url)
    page.wait_for_selector("nav.contents")
    return page.evaluate(PARSE, [mermaid_address(), texts])


def test_every_diagram_of_the_guide_is_valid(page, app):
    assert len(DIAGRAMS) > 60
    assert faults(page, app, DIAGRAMS) == {}


def test_a_broken_diagram_is_noticed(page, app):
    assert "broken" in faults(page, app, {"broken": "flowchart LR\n  A[unclosed --> B"})
