"""The whiteboard: a diagram typed as Mermaid or built by pointing, and how it is drawn.

Does not know what the interviewer makes of it.
"""

from __future__ import annotations

import html
import re
from typing import Any

import gradio as gr

from tutor.interview.diagram import DiagramError, parse
from tutor.interview.state import State
from tutor.markdown import clean
from tutor.ui import render

EMPTY = "<p><em>The whiteboard is empty.</em></p>"
COMMON = (
    "Client", "Load balancer", "App server", "Cache", "Database", "Read replica", "Queue", "Worker", "CDN",
    "Object storage",
)  # fmt: skip
"""Parts that most designs have, offered to begin with."""


def shown(state: State | None) -> str:
    """The diagram that the interviewer was shown last."""
    return picture(state.diagram) if state and state.diagram else EMPTY


def parts(state: State) -> tuple[Any, Any]:
    """Names to build a diagram with by pointing: those already drawn, then common ones."""
    drawn = parse(state.diagram).nodes.values() if state.diagram else ()
    names = list(dict.fromkeys([*drawn, *COMMON]))
    return gr.update(choices=names), gr.update(choices=names)


def preview(mermaid: str) -> tuple[Any, str]:
    """The diagram while it is typed; the last one that could be read stays."""
    if not mermaid.strip():
        return EMPTY, ""
    try:
        return picture(mermaid), ""
    except DiagramError as error:
        return gr.skip(), render.warning(str(error))


def add_arrow(start: str | None, end: str | None, mermaid: str) -> tuple[Any, Any, str]:
    """Build the diagram by pointing."""
    if not start or not end:
        return gr.skip(), gr.skip(), render.warning("Choose where the arrow begins and ends.")
    head = mermaid.strip() or "flowchart LR"
    added = f"{head}\n  {node(start)} --> {node(end)}"
    drawn, wrong = preview(added)
    return added, drawn, wrong


def node(name: str) -> str:
    """A node of a diagram for a name chosen by pointing."""
    key = re.sub(r"\W+", "_", name).strip("_").lower() or "part"
    label = re.sub(r'["\[\](){}<>|]', " ", name).strip()
    return f"{key}[{label}]"


def picture(mermaid: str) -> str:
    """A diagram drawn anew from what was read of it, so that nothing else of the text is rendered.

    Raises:
        DiagramError: it cannot be read.
    """
    graph = parse(mermaid)
    keys = {key: f"n{i}" for i, key in enumerate(graph.nodes)}
    label = {key: re.sub(r"[^\w .,:/+&'-]", " ", text)[:60] for key, text in graph.nodes.items()}
    lines = [f'  {keys[key]}["{label[key]}"]' for key in graph.nodes]
    lines += [f"  {keys[a]} --> {keys[b]}" for a, b in graph.edges]
    source = html.escape("\n".join(["flowchart LR", *lines]))
    return clean(f'<pre class="mermaid" role="img" aria-label="Your diagram">{source}</pre>')
