"""Thumbs down from the app as eval cases: `python -m evals.feedback`. Does not judge them.

Each thumb down not yet among the cases becomes one line of `evals/sets/feedback/cases.jsonl`, with the
learner's note as its reason and the cited sections as a proposal; a person then corrects `section_ids`.
"""

from __future__ import annotations

import json

from sqlalchemy import select
from sqlalchemy.orm import Session

from evals.cases import SETS
from tutor.settings import load_settings
from tutor.store import FeedbackRow, Store, TurnRow, open_database


def main() -> None:
    """Append the new cases and say how many there are."""
    store = Store(open_database(load_settings()))
    file = SETS / "feedback" / "cases.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    known = {json.loads(line)["id"] for line in file.read_text().splitlines()} if file.is_file() else set()
    added = 0
    with Session(store.database.engine) as session, file.open("a", encoding="utf-8") as out:
        rows = session.execute(
            select(TurnRow, FeedbackRow)
            .join(FeedbackRow, FeedbackRow.turn == TurnRow.id)
            .order_by(TurnRow.created)
        )
        for turn, feedback in rows:
            key = f"fb-{turn.id[:12]}"
            if feedback.value != "down" or key in known:
                continue
            cited = list(dict.fromkeys(c["section_id"] for c in turn.answer["citations"]))
            case = {
                "id": key, "question": turn.answer["standalone_question"], "section_ids": cited,
                "status": turn.answer["status"], "reason": feedback.note or "thumb down without a note",
            }  # fmt: skip
            out.write(json.dumps(case, ensure_ascii=False) + "\n")
            added += 1
    print(f"{added} new cases in {file}")


if __name__ == "__main__":
    main()
