"""How often true and false premises are called false: `python -m evals.fit_premise`.

False: the false half of `sets/dev_premise`. True: its other half and the answerable questions of `sets/dev`. Prints a
table for the thresholds of `answering/premise.py`; never reads a set that gates.
"""

from __future__ import annotations

from evals.fit_ranking import cases
from tutor.answering import extract, premise
from tutor.settings import load_settings
from tutor.tutor import Tutor


def main() -> None:
    """Read, print."""
    tutor = Tutor(load_settings())
    tutor.index()
    retriever, verifier = tutor.retriever(), tutor.verifier()

    def held(question: str) -> tuple[float, float] | None:
        if premise.premise(question) is None:
            return None
        found = extract.candidates(retriever, retriever.search(question, 8))
        read = premise.against(question, found, retriever, verifier)
        return read[1:] if read else None

    false = [held(c["question"]) for c in cases("dev_premise") if not c["premise_true"]]
    twins = [held(c["question"]) for c in cases("dev_premise") if c["premise_true"]]
    plain = [held(c["question"]) for c in cases("dev")]
    print(f"n={len(false)} false, {len(twins)} true twins, {len(plain)} answerable; read:", end=" ")
    print(*(sum(row is not None for row in rows) for rows in (false, twins, plain)))
    for denied in (0.6, 0.7, 0.8, 0.9, 0.95, 0.98):
        for spoken in (0.05, 0.2, 0.5):
            called = [
                sum(row is not None and row[0] >= denied and row[1] <= spoken for row in rows)
                for rows in (false, twins, plain)
            ]
            print(
                f"  denied {denied:.2f}, spoken for {spoken:.2f}: false {called[0]}, twins {called[1]}, plain {called[2]}"
            )


if __name__ == "__main__":
    main()
