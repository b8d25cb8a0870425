"""The look: one accent, a serif for the guide's words, system fonts only.

Does not know what is on the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
FINISHED: dict[str, Any] = {
    "render_markdown": False, "sanitize_html": True, "allow_tags": False, "latex_delimiters": [],
}  # fmt: skip
"""How a chat takes its messages: as HTML that is cleaned once more, never as Markdown or formulas of its own."""
HEAD = """<script>
const name = () => {
  document.documentElement.lang = "en";
  for (const [selector, label] of [[".submit-button", "Ask"], [".stop-button", "Stop"]])
    for (const b of document.querySelectorAll(selector))
      if (!b.getAttribute("aria-label")) b.setAttribute("aria-label", label);
};
new MutationObserver(name).observe(document.documentElement, { childList: true, subtree: true });
</script>"""


PAPER = gr.themes.Color(
    "#fbfaf7", "#f3f1ec", "#e4e0d8", "#cdcbc5", "#a3adb0", "#7b878b", "#5c6a70", "#323a3d", "#1d2326", "#171c1e",
    "#121517", "paper",
)  # fmt: skip
"""Warm where the page is light, cool where it is dark; the style sheet's own greys."""


OWN = {
    "body_background_fill": "paper", "block_background_fill": "card", "block_border_color": "line",
    "block_label_text_color": "soft", "block_title_text_color": "soft", "border_color_primary": "line",
    "border_color_accent": "accent", "input_background_fill": "card",
    "input_border_color": "line", "input_border_color_focus": "accent", "button_secondary_background_fill": "card",
    "button_secondary_background_fill_hover": "accent-soft", "button_secondary_border_color": "line",
    "button_secondary_text_color": "ink", "checkbox_border_color": "soft", "checkbox_background_color_selected": "accent",
    "checkbox_border_color_selected": "accent", "checkbox_label_background_fill": "card",
    "checkbox_label_background_fill_hover": "accent-soft", "checkbox_label_background_fill_selected": "accent-soft",
    "checkbox_label_border_color": "line", "checkbox_label_border_color_selected": "accent",
}  # fmt: skip
"""Gradio's colours by the style sheet's, which know light and dark."""


def theme() -> Any:
    """Gradio's base theme in Tutor's colours."""
    sans = ["system-ui", "-apple-system", "Segoe UI", "Helvetica", "Arial", "sans-serif"]
    own = {name + mode: f"var(--{value})" for name, value in OWN.items() for mode in ("", "_dark")}
    return gr.themes.Base(
        primary_hue="teal", neutral_hue=PAPER, font=sans,
        font_mono=["ui-monospace", "Consolas", "monospace"], radius_size="lg", text_size="md",
    ).set(**own, color_accent="var(--accent)", input_border_width="1px", input_border_width_dark="1px")  # fmt: skip


def css() -> str:
    """The style sheet."""
    return (ASSETS / "style.css").read_text(encoding="utf-8")
