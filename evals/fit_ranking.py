"""Fit the weights of the ranking on `evals/sets/dev`: `python evals/fit_ranking.py`.

A listwise softmax over all sections of the guide, L2 towards zero, checked by leaving one chapter's
questions out at a time. Prints the weights for `retrieval/retriever.py`; never reads a set that gates.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tutor.retrieval.ranking import FEATURES
from tutor.settings import load_settings
from tutor.tutor import Tutor

SETS = Path(__file__).parent / "sets"
SEED = 0
L2 = 0.02
STEPS = 600


def cases(name: str) -> list[dict[str, Any]]:
    """The cases of a set, file by file."""
    return [
        {**json.loads(line), "file": file.stem}
        for file in sorted((SETS / name).glob("*.jsonl"))
        for line in file.read_text(encoding="utf-8").splitlines()
    ]


def fit(rows: list[torch.Tensor], gold: list[torch.Tensor]) -> torch.Tensor:
    """Weights that put the gold sections on top."""
    torch.manual_seed(SEED)
    weights = torch.full((len(FEATURES),), 0.3, requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=0.05)
    for _ in range(STEPS):
        optimiser.zero_grad()
        losses = [
            torch.logsumexp(10 * x @ weights, 0) - torch.logsumexp((10 * x @ weights)[g], 0)
            for x, g in zip(rows, gold, strict=True)
        ]
        loss = torch.stack(losses).mean() + L2 * (weights**2).sum()
        loss.backward()
        optimiser.step()
    return weights.detach()


def figures(ranks: list[int]) -> str:
    """Hit rates and mean reciprocal rank of 1-based ranks."""
    r = np.array(ranks)
    return f"n={len(r)} hit@1={np.mean(r == 1):.3f} hit@3={np.mean(r <= 3):.3f} MRR={np.mean(1 / r):.3f}"


def rank(x: torch.Tensor, gold: torch.Tensor, weights: torch.Tensor) -> int:
    """The best gold section's rank."""
    scores = x @ weights
    return int((scores > scores[gold].max()).sum()) + 1


def main() -> None:
    """Fit, cross-check, print."""
    tutor = Tutor(load_settings())
    tutor.index()
    retriever = tutor.retriever()
    at = {section.id: i for i, section in enumerate(retriever.index.sections)}
    data = [case for case in cases("dev") if any(s in at for s in case["section_ids"])]
    rows, gold = [], []
    for case in data:
        found = retriever.rows(case["question"])
        rows.append(torch.tensor(found))
        gold.append(torch.tensor([at[s] for s in case["section_ids"] if s in at]))
    files = sorted({case["file"] for case in data})
    held_out = []
    for name in files:
        keep = [i for i, case in enumerate(data) if case["file"] != name]
        weights = fit([rows[i] for i in keep], [gold[i] for i in keep])
        ranks = [rank(rows[i], gold[i], weights) for i, case in enumerate(data) if case["file"] == name]
        held_out += ranks
        print(f"{name:<16} {figures(ranks)}", file=sys.stderr)
    print(f"left out one chapter at a time: {figures(held_out)}")
    weights = fit(rows, gold)
    for name, value in zip(FEATURES, weights.tolist(), strict=True):
        print(f"  {name:<14} {value:+.2f}")
    print("WEIGHTS = (" + ", ".join(f"{value:.2f}" for value in weights.tolist()) + ")")


if __name__ == "__main__":
    main()
