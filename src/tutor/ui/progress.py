"""An interview under way as it is shown: what was said, and the phases with their time.

Does not know what may be pressed.
"""

from __future__ import annotations

import html
from typing import Any

from tutor.interview.problem import PHASES, SHARES
from tutor.interview.state import State
from tutor.ui import render

NAMES = {
    "requirements": "Requirements", "high-level": "High-level design", "deep-dive": "Deep dive",
    "bottlenecks": "Bottlenecks",
}  # fmt: skip


def messages(state: State | None) -> list[dict[str, Any]]:
    """The transcript as chat messages."""
    found: list[dict[str, Any]] = []
    for line in state.transcript if state else []:
        if line.who == "candidate":
            found.append(render.said(line.text))
        else:
            found.append(render.spoken(line.text, NAMES[line.phase] if line.move == "phase" else ""))
    return found


def bar(state: State, paused: bool) -> str:
    """The phases with what is left of the current one and of the whole."""
    parts = []
    for phase in PHASES:
        kind = "now" if phase == state.phase else "done" if phase in state.phase_ends else ""
        budget = SHARES[phase] * state.minutes / 45 * 60
        share = 1.0 if kind == "done" else 0.0
        if kind == "now":
            share = min(1.0, (state.clock_s - state.phase_began_s) / budget)
        parts.append(
            f'<li class="{kind}" style="flex:{SHARES[phase]}"{" aria-current=step" if kind == "now" else ""}>'
            f'<span class="fill" style="width:{share:.0%}"></span>'
            f'<b>{NAMES[phase]}</b> <small>{budget / 60:.0f} min</small></li>'
        )
    left = max(0, state.minutes * 60 - int(state.clock_s))
    clock = f"{left // 60}:{left % 60:02}" + (" paused" if paused else " left")
    return f'<ol class="phases">{"".join(parts)}</ol><p class="left">{html.escape(clock)}</p>'
