"""Fits the weights that rank sections, on questions with the sections that answer them.

A listwise softmax over all sections of the guide, L2 towards zero, checked by leaving one file of questions out at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from training.datasets import cases
from training.pipeline import Fitted
from tutor.retrieval.ranking import FEATURES
from tutor.tutor import Tutor

SEED = 0
L2 = 0.02
STEPS = 600
SHARPNESS = 10
"""What scores are multiplied by before the softmax."""


def fit(tutor: Tutor) -> Fitted:
    """Weights of `ranking.FEATURES`."""
    retriever = tutor.retriever()
    at = {section.id: i for i, section in enumerate(retriever.index.sections)}
    data = [case for case in cases("questions") if any(key in at for key in case["section_ids"])]
    rows = [torch.tensor(retriever.rows(case["question"])) for case in data]
    gold = [torch.tensor([at[key] for key in case["section_ids"] if key in at]) for case in data]
    ranks = np.zeros(len(data), dtype=int)
    files = np.array([case["file"] for case in data])
    for name in sorted(set(files.tolist())):
        inside, outside = np.flatnonzero(files == name), np.flatnonzero(files != name)
        weights = weighted([rows[i] for i in outside], [gold[i] for i in outside])
        ranks[inside] = [rank(rows[i], gold[i], weights) for i in inside]
    weights = weighted(rows, gold)
    return Fitted(
        weights={"": dict(zip(FEATURES, weights.tolist(), strict=True))},
        metrics={
            "n": len(data), "held out hit@1": share(ranks <= 1), "held out hit@3": share(ranks <= 3),
            "held out MRR": round(float(np.mean(1 / ranks)), 3),
        },
        folds="one file of questions left out at a time", seed=SEED,
    )  # fmt: skip


def weighted(rows: Sequence[torch.Tensor], gold: Sequence[torch.Tensor]) -> torch.Tensor:
    """Weights that put the gold sections on top."""
    torch.manual_seed(SEED)
    weights = torch.full((len(FEATURES),), 0.3, requires_grad=True)
    optimiser = torch.optim.Adam([weights], lr=0.05)
    stacked = torch.stack(list(rows))
    right = torch.zeros(stacked.shape[:2], dtype=torch.bool)
    for i, wanted in enumerate(gold):
        right[i, wanted] = True
    for _ in range(STEPS):
        optimiser.zero_grad()
        scores = SHARPNESS * stacked @ weights
        best = torch.logsumexp(scores.masked_fill(~right, -torch.inf), 1)
        loss = (torch.logsumexp(scores, 1) - best).mean() + L2 * (weights**2).sum()
        loss.backward()
        optimiser.step()
    return weights.detach()


def rank(rows: torch.Tensor, gold: torch.Tensor, weights: torch.Tensor) -> int:
    """The best gold section's rank, 1 for the first."""
    scores = rows @ weights
    return int((scores > scores[gold].max()).sum()) + 1


def share(right: np.ndarray) -> float:
    """Share (0..1) of what is right."""
    return round(float(np.mean(right)), 3)
