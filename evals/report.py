"""Reports: console table, JSON, JUnit, Markdown, and one self-contained HTML page. Does not score."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from evals.metrics import Metric
from evals.scorers import Score


@dataclass
class SetReport:
    """One set: its metrics, its scores, and what got worse than the baseline."""

    name: str
    metrics: list[Metric]
    scores: list[Score]
    failures: list[str] = field(default_factory=list)
    worse: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0


def shown(value: float | None) -> str:
    """A number of a table."""
    return "unscored" if value is None else f"{value:.3f}"


def rows(reports: Sequence[SetReport]) -> list[list[str]]:
    """The lines of the summary table."""
    out = []
    for report in reports:
        for m in report.metrics:
            bar = "" if m.bar is None else f"{'≥' if m.at_least else '≤'} {m.bar:g}"
            mark = {None: "", True: "reached", False: "BELOW"}[m.reached]
            interval = "" if m.low is None else f"{m.low:.3f}–{m.high:.3f}"
            out.append(
                [report.name, m.name, shown(m.value), interval, str(m.n), str(m.unscored or ""), bar, mark]
            )
    return out


HEAD = ["set", "metric", "value", "95 % interval", "n", "unscored", "bar", ""]


def console(reports: Sequence[SetReport]) -> str:
    """A table for the terminal."""
    table = [HEAD, *rows(reports)]
    widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    for report in reports:
        lines += [f"{report.name}: {note}" for note in report.notes]
        lines += [f"FAIL {report.name}: {failure}" for failure in report.failures]
    return "\n".join(lines)


def markdown(reports: Sequence[SetReport]) -> str:
    """A summary for a CI page."""
    lines = ["| " + " | ".join(HEAD) + " |", "|" + "---|" * len(HEAD)]
    lines += ["| " + " | ".join(row) + " |" for row in rows(reports)]
    failures = [f"- **{r.name}**: {text}" for r in reports for text in r.failures]
    return "\n".join([*lines, "", *(failures or ["No regression against the baseline."])]) + "\n"


def as_json(reports: Sequence[SetReport]) -> dict[str, Any]:
    """Everything as plain data; `evals.run --rescore` reads it back."""
    return {"sets": [asdict(report) for report in reports]}


def junit(reports: Sequence[SetReport]) -> str:
    """JUnit XML: one case per metric with a bar or a failure."""
    root = ElementTree.Element("testsuites")
    for report in reports:
        suite = ElementTree.SubElement(root, "testsuite", name=report.name, time=f"{report.seconds:.1f}")
        for m in report.metrics:
            ElementTree.SubElement(
                suite, "testcase", classname=report.name, name=f"{m.name} = {shown(m.value)}"
            )
        for text in report.failures:
            case = ElementTree.SubElement(suite, "testcase", classname=report.name, name=text[:80])
            ElementTree.SubElement(case, "failure", message=text)
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(report.failures)))
    return ElementTree.tostring(root, encoding="unicode")


STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1f2a30}"
    "table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #e4e0d8;padding:4px 8px;text-align:left;"
    "vertical-align:top}details{margin:.4rem 0}summary{cursor:pointer}.bad{background:#ffe9a8}mark{background:#ffe9a8}"
    "blockquote{border-left:3px solid #0f6b5c;margin:.4rem 0;padding-left:.8rem}.two{display:flex;gap:1rem}.two>*{flex:1}"
)


def page(reports: Sequence[SetReport], before: dict[str, Any]) -> str:
    """One HTML page: figures, then each case with question, answer, evidence, verdicts and the baseline."""
    e = html.escape
    head = "".join(f"<th>{e(cell)}</th>" for cell in HEAD)
    body = "".join("<tr>" + "".join(f"<td>{e(cell)}</td>" for cell in row) + "</tr>" for row in rows(reports))
    parts = [f"<h1>Evals</h1><table><tr>{head}</tr>{body}</table>"]
    for report in reports:
        parts.append(
            f"<h2>{e(report.name)}</h2>" + "".join(f"<p class=bad>{e(f)}</p>" for f in report.failures)
        )
        worse = {key for keys in report.worse.values() for key in keys}
        old = before.get("cases", {}).get(report.name, {})
        ordered = sorted(report.scores, key=lambda s: (s.case not in worse, not imperfect(s), s.case))
        for score in ordered[:400]:
            parts.append(case_html(score, old, score.case in worse))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Evals</title><style>{STYLE}</style>'
        f"<body>{''.join(parts)}</body></html>"
    )


def imperfect(score: Score) -> bool:
    """Whether a reader should look at a case."""
    bad_high = {"wrongly refused"}
    return any(v is not None and (v > 0 if k in bad_high else v < 1) for k, v in score.values.items())


def case_html(score: Score, old: dict[str, dict[str, float]], worse: bool) -> str:
    """One case, foldable."""
    e = html.escape
    now = "".join(f"<tr><td>{e(k)}</td><td>{shown(v)}</td></tr>" for k, v in score.values.items())
    then = "".join(
        f"<tr><td>{e(k)}</td><td>{shown(old[k][score.case])}</td></tr>"
        for k in score.values
        if score.case in old.get(k, {})
    )
    held = score.shown
    evidence = "".join(f"<blockquote><mark>{e(str(t))}</mark></blockquote>" for t in held.get("evidence", []))
    verdicts = "".join(f"<li>{e(str(t))}</li>" for t in held.get("verdicts", []))
    rest = {k: v for k, v in held.items() if k not in ("question", "text", "evidence", "verdicts")}
    mark = " class=bad" if worse or imperfect(score) else ""
    more = e(json.dumps(rest, ensure_ascii=False))
    return (
        f"<details{mark}><summary>{e(score.case)}: {e(str(held.get('question', '')))}</summary>"
        f"<p>{e(str(held.get('text', '')))}</p>{evidence}<ul>{verdicts}</ul><p><small>{more}</small></p>"
        f"<div class=two><table><tr><th>now</th></tr>{now}</table>"
        f"<table><tr><th>baseline</th></tr>{then}</table></div></details>"
    )


def write(path: Path | None, text: str) -> None:
    """Write a report where one is asked for."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
