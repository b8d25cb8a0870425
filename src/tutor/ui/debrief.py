"""A debrief as HTML: on the page, and as one self-contained file. Does not know Gradio or how it is judged."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from tutor.markdown import clean, inline
from tutor.schema import Section
from tutor.ui import charts
from tutor.ui.render import target

WORDS = {
    "unaided": "on your own", "probe": "when asked", "hint": "after a hint", "told": "told",
    "missed": "missed", "not assessed": "not reached",
}  # fmt: skip


Link = Callable[[str], str]
"""How a section of the guide is pointed at, by its id."""


def debrief_html(
    result: dict[str, Any],
    ends: dict[str, float],
    past: list[dict[str, Any]],
    section_of: Callable[[str], Section | None],
    note: str = "",
) -> str:
    """The whole debrief; sections of the guide open in the page's panel."""

    def link(key: str) -> str:
        section = section_of(key)
        return f'<a href="{target(key)}">{inline(section.label if section else key)}</a>'

    return clean(article(result, ends, past, link, note))


def article(
    result: dict[str, Any], ends: dict[str, float], past: list[dict[str, Any]], link: Link, note: str
) -> str:
    """The debrief with a way to point at sections."""
    e = html.escape
    score = "" if result["score"] is None else f" · {result['score']:.0%}"
    parts = [
        f'<article class="debrief"><p class="trail">{e(result["title"])} · {e(result["level"])} · '
        f"{result['minutes']} minutes</p><h2>{e(result['verdict'].capitalize())}{score}</h2>",
        f'<p class="sum">{e(result["arithmetic"])}</p>',
    ]
    for text in (result.get("note"), note):
        if text:
            parts.append(f'<p class="note">{e(text)}</p>')
    if result["work_on"]:
        parts.append("<h3>Work on these first</h3><ol>")
        parts += [f"<li>{e(w['why'])} {link(w['section'])}</li>" for w in result["work_on"]]
        parts.append("</ol>")
    parts.append('<div class="charts"><figure><figcaption>By dimension</figcaption>')
    parts.append(charts.bars(result["dimensions"], "Score by dimension"))
    parts.append("</figure><figure><figcaption>By phase</figcaption>")
    parts.append(charts.bars(result["phases"], "Score by phase"))
    parts.append("</figure><figure><figcaption>Against the clock</figcaption>")
    parts.append(charts.timeline(result, ends))
    drawn = charts.trend(past)
    if drawn:
        parts.append(f"</figure><figure><figcaption>Your interviews so far</figcaption>{drawn}")
    parts.append("</figure></div>")
    for title, statuses in (
        ("What you covered", ("unaided", "probe", "hint")),
        ("What was missing", ("told", "missed")),
        ("Not reached, so not judged", ("not assessed",)),
    ):
        rows = [item for item in result["items"] if item["status"] in statuses]
        if rows:
            opened = "" if statuses[0] == "not assessed" else " open"
            parts.append(f"<details{opened}><summary>{title} ({len(rows)})</summary><ul>")
            parts += [item_html(item, link) for item in rows]
            parts.append("</ul></details>")
    if result["numbers"]:
        parts.append("<details open><summary>Your numbers</summary><ul>")
        for seen in result["numbers"]:
            mark = "right" if seen["right"] else "off"
            parts.append(
                f'<li><b class="{mark}">{mark}</b> {e(seen["name"])}: you said {seen["value"]:,.4g}, expected about '
                f"{seen['expected']:,.4g}. <q>{e(seen['quote'])}</q></li>"
            )
        parts.append("</ul></details>")
    if result["mistakes"]:
        parts.append("<details open><summary>Common mistakes that happened</summary><ul>")
        parts += [
            f"<li><b>{e(m['name'])}</b>: {e(m['where'])} {link(m['section'])}</li>"
            for m in result["mistakes"]
        ]
        parts.append("</ul></details>")
    if result["model_answer"]:
        parts.append(
            f"<details><summary>A model answer</summary><p>{e(result['model_answer'])}</p></details>"
        )
    return "".join([*parts, "</article>"])


def item_html(item: dict[str, Any], link: Link) -> str:
    """One item: how it was met, the candidate's words, what the guide says."""
    quote = f"<q>{html.escape(item['quote'])}</q> " if item["quote"] else ""
    kind = item["status"].replace(" ", "-")
    said = f'<b class="{kind}">{WORDS[item["status"]]}</b> {quote}'
    return f"<li>{said}{html.escape(item['fill'])} {link(item['section'])}</li>"


STYLE = (
    "body{font:16px/1.6 Georgia,serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1f2a30}"
    "svg{max-width:460px;width:100%;font:12px system-ui}.track{fill:#eee}.bar,.unaided{fill:#0f6b5c}.probe{fill:#5aa493}"
    ".hint{fill:#c9a227}.band{fill:#f3f1ec}.b1{fill:#e6e2d8}polyline{fill:none;stroke:#0f6b5c;stroke-width:2}"
    ".soft{fill:#5c6a70;color:#5c6a70}q{color:#0f6b5c}summary{font-weight:600;margin-top:1rem}.note{background:#ffe9a8;padding:.5rem}"
)
POLICY = "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
"""The file may load and run nothing."""


def export_html(
    result: dict[str, Any],
    ends: dict[str, float],
    transcript: list[dict[str, Any]],
    section_of: Callable[[str], Section | None],
    note: str = "",
) -> str:
    """The debrief and transcript as one file that needs nothing else; sections are named with their file."""

    def link(key: str) -> str:
        section = section_of(key)
        name = f"{section.label}, {section.path}" if section else key
        return f'<span class="soft">[{html.escape(name)}]</span>'

    lines = "".join(
        f"<p><b>{html.escape(line['who'])}</b> {line['at_s'] / 60:.1f} min: {html.escape(line['text'])}</p>"
        for line in transcript
    )
    title = html.escape(result["title"])
    body = f"{article(result, ends, [], link, note)}<h3>Transcript</h3>{lines}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">{POLICY}<title>{title}: debrief</title>'
        f"<style>{STYLE}</style><body>{clean(body)}</body></html>"
    )
