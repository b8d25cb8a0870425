"""`tutor search`: the guide's passages for a query. Does not know how they are ranked."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any

import typer

from tutor.cli.main import Corpus, Json, app, echo, reported, settings
from tutor.schema import SectionHit


def as_data(rank: int, hit: SectionHit) -> dict[str, Any]:
    """A hit as the contract has it; the span is that of its best passage."""
    best = hit.passages[0].chunk
    return {
        "rank": rank, "section_id": hit.section.id, "title": hit.section.title,
        "heading_path": list(hit.section.heading_path), "path": best.path, "start": best.start,
        "end": best.end, "text": best.text, "score": round(hit.score, 6),
    }  # fmt: skip


@app.command("search")
@reported
def search(
    query: str,
    k: Annotated[int, typer.Option("-k", min=1, max=100, help="How many sections.")] = 10,
    corpus: Corpus = None,
    as_json: Json = False,
) -> None:
    """Find the sections that speak of something."""
    from tutor.answering.question import clean
    from tutor.tutor import Tutor

    asked = clean(query)
    tutor = Tutor(settings(corpus), build_missing=False)
    tutor.load()
    began = time.perf_counter()
    hits = tutor.search(asked, k)
    ms = round((time.perf_counter() - began) * 1000, 1)
    found = [as_data(rank, hit) for rank, hit in enumerate(hits, 1)]
    if as_json:
        typer.echo(json.dumps({"query": query, "hits": found, "ms": ms}, ensure_ascii=False))
        return
    for entry in found:
        echo(f"{entry['rank']:>2}. {' › '.join(entry['heading_path'])}  [{entry['section_id']}]")
        echo("    " + " ".join(entry["text"].split())[:160])
    echo(f"{len(found)} sections in {ms} ms")
