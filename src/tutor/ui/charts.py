"""Charts of a debrief as SVG text, in the page's own colours. Does not know Gradio."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any


def bars(rows: Sequence[dict[str, Any]], label: str) -> str:
    """Horizontal bars of scores 0 to 1; what was not assessed is an empty track that says so."""
    height = 34 * len(rows) + 6
    parts = [f'<svg class="chart" viewBox="0 0 390 {height}" role="img" aria-label="{html.escape(label)}">']
    for i, row in enumerate(rows):
        y, score = 34 * i + 6, row["score"]
        shown = "not assessed" if score is None else f"{score:.0%}"
        parts.append(f'<text x="0" y="{y + 16}">{html.escape(row["name"])}</text>')
        parts.append(f'<rect class="track" x="154" y="{y + 4}" width="138" height="14" rx="7"/>')
        if score:
            parts.append(
                f'<rect class="bar" x="154" y="{y + 4}" width="{138 * score:.0f}" height="14" rx="7"/>'
            )
        parts.append(f'<text class="soft" x="302" y="{y + 16}">{shown}</text>')
    return "".join([*parts, "</svg>"])


def timeline(result: dict[str, Any], ends: dict[str, float]) -> str:
    """What was covered against the clock: one dot per item, one band per phase."""
    total = max(result["minutes"] * 60.0, result["used_s"], 1.0)

    def x(seconds: float) -> float:
        return float(10 + 370 * min(seconds, total) / total)

    parts = ['<svg class="chart" viewBox="0 0 390 96" role="img" aria-label="Coverage against the clock">']
    began = 0.0
    for i, phase in enumerate(p["name"] for p in result["phases"]):
        if phase not in ends:
            continue
        end = ends[phase]
        parts.append(
            f'<rect class="band b{i % 2}" x="{x(began):.0f}" y="10" width="{max(1, x(end) - x(began)):.0f}" height="48"/>'
        )
        if x(end) - x(began) > 84:
            parts.append(f'<text class="soft" x="{x(began) + 3:.0f}" y="74">{html.escape(phase)}</text>')
        began = end
    seen: dict[int, int] = {}
    for item in result["items"]:
        if item["at_s"] is not None:
            column = int(x(item["at_s"]) / 9)
            seen[column] = seen.get(column, 0) + 1
            y = 52 - 9 * min(4, seen[column] - 1)
            title = f"{item['id']}: {item['status']}, {item['at_s'] / 60:.0f} min"
            parts.append(
                f'<circle class="{item["status"]}" cx="{x(item["at_s"]):.0f}" cy="{y}" r="4">'
                f"<title>{html.escape(title)}</title></circle>"
            )
    parts.append(
        f'<text class="soft" x="10" y="92">0</text><text class="soft" x="335" y="92">{total / 60:.0f} min</text>'
    )
    return "".join([*parts, "</svg>"])


def trend(results: Sequence[dict[str, Any]]) -> str:
    """The scores of past interviews, oldest first; empty with fewer than two."""
    scored = [r for r in results if r["score"] is not None]
    if len(scored) < 2:
        return ""
    step = 370 / (len(scored) - 1)
    points = [(10 + step * i, 84 - 70 * r["score"]) for i, r in enumerate(scored)]
    line = " ".join(f"{x:.0f},{y:.0f}" for x, y in points)
    dots = "".join(
        f'<circle class="unaided" cx="{x:.0f}" cy="{y:.0f}" r="4">'
        f"<title>{html.escape(r['title'])}: {r['score']:.0%}</title></circle>"
        for (x, y), r in zip(points, scored, strict=True)
    )
    return (
        '<svg class="chart" viewBox="0 0 390 96" role="img" aria-label="Scores over past interviews">'
        f'<line class="axis" x1="10" y1="84" x2="380" y2="84"/><polyline points="{line}"/>{dots}</svg>'
    )
