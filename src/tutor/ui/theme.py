"""The look: one accent, a serif for the guide's words, system fonts only.

Does not know what is on the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
HEAD = """<script>
const name = () => {
  document.documentElement.lang = "en";
  for (const [selector, label] of [[".submit-button", "Ask"], [".stop-button", "Stop"]])
    for (const b of document.querySelectorAll(selector))
      if (!b.getAttribute("aria-label")) b.setAttribute("aria-label", label);
};
new MutationObserver(name).observe(document.documentElement, { childList: true, subtree: true });
</script>"""


def theme() -> Any:
    """Gradio's base theme in Tutor's colours."""
    sans = ["system-ui", "-apple-system", "Segoe UI", "Helvetica", "Arial", "sans-serif"]
    return gr.themes.Base(
        primary_hue="teal", neutral_hue="stone", font=sans,
        font_mono=["ui-monospace", "Consolas", "monospace"], radius_size="lg", text_size="md",
    )  # fmt: skip


def css() -> str:
    """The style sheet."""
    return (ASSETS / "style.css").read_text(encoding="utf-8")
