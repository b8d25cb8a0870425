"""Fits how a question within a conversation is understood.

One model of two parts, fitted together: how surely a question leans on the one before it (`answering/followup.py`), and
what ranks sections where it does (`answering/conversation.py`); the loss is the right section's log probability among all
sections, and that of leaning. Leaning: the turns of the conversations but for changes of topic. Not: those, the
hand-written twins, and plain questions, each after another one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
import torch

from training.datasets import cases, near
from training.pipeline import Fitted
from tutor.answering import conversation, followup
from tutor.retrieval.embedder import Vectors
from tutor.retrieval.lexical import words
from tutor.retrieval.retriever import Retriever
from tutor.tutor import Tutor

FOLDS, SEED = 10, 2026
FALSE_SHARE = 0.03
"""Share of the questions that stand alone which may be rewritten."""
PLAIN = 0.3
"""What a question that stands alone weighs beside the last turn of a conversation."""
LEANING = 1.0
"""What the log probability of leaning weighs beside that of the right section."""
SHRINK, SHRINK_LEANING = 0.01, 0.003
"""Squared-weight penalties, on standardised signals."""


@dataclass(frozen=True)
class Row:
    """A question after another: signals of leaning; per section its own score, its signals, and whether it is right."""

    group: str
    leans: bool
    weight: float
    features: followup.Features
    own: Vectors
    signals: Vectors
    right: Vectors

    @property
    def ranks(self) -> bool:
        """Whether it is known which section is right."""
        return bool(self.right.any())


def row(
    retriever: Retriever, group: str, question: str, last: str, leans: bool, wanted: list[str], weight: float
) -> Row:
    """The signals of one question."""
    ids = [section.id for section in retriever.index.sections]
    return Row(
        group, leans, weight, followup.features(question, last, retriever), retriever.scores(question),
        conversation.signals(question, last, retriever), np.array([near(key, wanted) for key in ids]),
    )  # fmt: skip


def rows(retriever: Retriever) -> list[Row]:
    """Every question of the development sets after another one."""
    rng = random.Random(SEED)
    found = []
    for case in cases("conversations"):
        turns, last = case["turns"], case["turns"][0]
        changed = case["kind"] == "topic_change"
        for at in range(1, len(turns)):
            final = at == len(turns) - 1
            wanted = case["section_ids"] if final else []
            leans = not (final and changed)
            if words(turns[at]):
                found.append(row(retriever, case["id"], turns[at], last, leans, wanted, 1.0))
            last = followup.rewrite(turns[at], last) if leans else turns[at]
        alone = case["standalone"]
        found.append(row(retriever, case["id"], alone, turns[0], False, case["section_ids"], PLAIN))
    plain = cases("questions") + [
        case for case in cases("unanswerable") if case["kind"] in {"out_of_domain", "not_in_guide"}
    ]
    for case in plain:
        last = rng.choice(plain)["question"]
        wanted = case.get("section_ids", [])
        found.append(row(retriever, case["id"], case["question"], last, False, wanted, PLAIN))
    return found


class Model:
    """Gate and ranking over standardised signals."""

    def __init__(self, held: list[Row]) -> None:
        gate = np.array([r.features for r in held], dtype=np.float32)
        self.middle, self.spread = gate.mean(0), gate.std(0) + 1e-6
        self.scale = np.std(np.concatenate([r.signals for r in held if r.ranks]), axis=0) + 1e-6
        self.gate = torch.tensor((gate - self.middle) / self.spread)
        self.signals = torch.tensor(np.stack([r.signals for r in held]) / self.scale)
        own = np.stack([r.own for r in held])
        self.own_scale = float(own.std())
        self.own = torch.tensor(own / self.own_scale)
        self.right = torch.tensor(np.stack([r.right for r in held]))
        self.leans = torch.tensor([float(r.leans) for r in held])
        self.weight = torch.tensor([r.weight for r in held])
        self.ranks = torch.tensor([r.ranks for r in held])
        self.n, self.m = self.signals.shape[-1], gate.shape[-1]

    def split(self, at: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probability of leaning, and every section's score, for the rows `at`."""
        leaning = torch.sigmoid(self.gate[at] @ b[self.n + 1 : -1] + b[-1])
        extra = self.signals[at] @ b[1 : self.n + 1]
        return leaning, self.own[at] * b[0] + leaning[:, None] * extra

    def fit(self, at: torch.Tensor) -> torch.Tensor:
        """Weights from the rows `at`."""
        b = torch.cat([torch.tensor([1.0]), torch.full((self.n,), 0.1), torch.zeros(self.m + 1)]).requires_grad_(True)
        optimiser = torch.optim.LBFGS([b], max_iter=200, line_search_fn="strong_wolfe")
        ranks = self.ranks[at]
        weight, right = self.weight[at], self.right[at]

        def loss() -> torch.Tensor:
            optimiser.zero_grad()
            leaning, scores = self.split(at, b)
            chance = torch.logsumexp(scores.masked_fill(~right, -1e9), 1) - torch.logsumexp(scores, 1)
            ranking = -(chance * weight)[ranks].sum() / weight[ranks].sum()
            gate = torch.nn.functional.binary_cross_entropy(
                leaning.clamp(1e-6, 1 - 1e-6), self.leans[at], weight=weight, reduction="sum"
            ) / weight.sum()
            penalty = SHRINK * (b[: self.n + 1] ** 2).sum() + SHRINK_LEANING * (b[self.n + 1 : -1] ** 2).sum()
            total: torch.Tensor = ranking + LEANING * gate + penalty
            total.backward()
            return total

        optimiser.step(loss)
        return b.detach()


def fit(tutor: Tutor) -> tuple[Fitted, Fitted]:
    """The gate with its threshold, and the weights that rank."""
    held = rows(tutor.retriever())
    model = Model(held)
    groups = sorted({r.group for r in held})
    shuffled = random.Random(SEED).sample(groups, len(groups))
    folds = {group: i % FOLDS for i, group in enumerate(shuffled)}
    fold = np.array([folds[r.group] for r in held])
    leaning, hit = np.zeros(len(held)), np.zeros(len(held))
    for k in range(FOLDS):
        b = model.fit(torch.tensor(np.flatnonzero(fold != k)))
        out = torch.tensor(np.flatnonzero(fold == k))
        chance, scores = model.split(out, b)
        leaning[out] = chance
        hit[out] = model.right[out].gather(1, scores.topk(3).indices).any(1)
    leans = model.leans.numpy() > 0
    cut = float(np.quantile(leaning[~leans], 1 - FALSE_SHARE))
    last = np.array([r.ranks and r.weight == 1 for r in held])
    alone = model.ranks.numpy() & ~last
    b = model.fit(torch.arange(len(held))).numpy()
    gate = b[model.n + 1 : -1] / model.spread
    ranking = b[1 : model.n + 1] / model.scale / (b[0] / model.own_scale)
    return (
        Fitted(
            weights={"": dict(zip(followup.Features._fields, gate.tolist(), strict=True))},
            bias={"": float(b[-1] - gate @ model.middle)},
            thresholds={
                "rewritten_from": (cut, f"{FALSE_SHARE:.0%} of the questions that stand alone lie above, held out")
            },
            metrics={"n": len(held), "held out found leaning": round(float(np.mean(leaning[leans] >= cut)), 3)},
            folds=f"{FOLDS} by conversation", seed=SEED,
        ),
        Fitted(
            weights={"": dict(zip(conversation.FEATURES, ranking.tolist(), strict=True))},
            metrics={
                "last turns": int(last.sum()), "held out hit@3": round(float(hit[last].mean()), 3),
                "standing alone": int(alone.sum()), "held out hit@3 alone": round(float(hit[alone].mean()), 3),
            },
            folds=f"{FOLDS} by conversation", seed=SEED,
        ),
    )  # fmt: skip
