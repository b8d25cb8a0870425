"""Trains the verifier: a small cross-encoder that reads a passage and a claim.

Does not know the eval sets. Run as `python -m training.verifier.train STAGE --data DIR --out OUT` where DIR
holds the open data (`train.jsonl`, `dev.jsonl`, `grading_train.jsonl`); the guide's own pairs are planted
here. The first stage starts from the embedding model's weights, each further one with `--start` from the
stage before. Two cores are enough: about an hour for each of the first two, ten minutes for the third.
"""

from __future__ import annotations

import argparse
import logging
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from training.onnx_export import shipped_weights
from training.verifier.rows import (
    SUPPORTED,
    UNGROUPED,
    UNSUPPORTED,
    Row,
    exchanged_words,
    graded_rows,
    kept_for_calibration,
    open_rows,
    opposites,
    planted_rows,
    premise_rows,
    question_rows,
    shortened,
    spoken_rows,
    squad_rows,
    swapped_words,
)  # fmt: skip
from tutor import models
from tutor.corpus.read import read_corpus
from tutor.retrieval.embedder import SentenceEmbedder
from tutor.retrieval.lexical import Vocabulary, words
from tutor.settings import load_settings
from tutor.verification.cross_encoder import MAX_TOKENS, VERIFIER

SEED = 20_26
BATCH_TOKENS = 3_200


@dataclass(frozen=True)
class Stage:
    """What one run reads: rows taken of each set at most and how often, and how fast it learns.

    `share` (0..1) of every open set is read, all of those in `repeats`, and of the graded answers the share `graded`;
    `planted` are seeds; `spoken` counts pairs per statement; `asked` is the share of planted claims that are also put
    as questions; `answered` adds questions beside passages that answer them or do not; `premises` counts passes over the
    questions that take something for granted; `exchanged` counts sentences with a word changed by hand-written groups;
    `dropout` applies to all layers.
    """

    rate: float
    caps: Mapping[str, int]
    repeats: Mapping[str, int] = field(default_factory=dict)
    share: float = 1.0
    planted: tuple[int, ...] = (SEED,)
    swapped: int = 6_000
    opposites: int = 0
    spoken: int = 0
    asked: float = 0.0
    answered: bool = False
    premises: int = 0
    exchanged: int = 0
    graded: float = 1.0
    dropout: float = 0.0


STAGES = {
    "first": Stage(
        9e-5, {"mctest": 2_400, "boolq": 3_000, "fever_dev": 9_000, "factcg": 2_600}, dropout=0.1
    ),
    "second": Stage(
        6e-5, {"mctest": 1_500, "boolq": 3_000}, {"fm2": 2, "wice": 3, "begin": 2}, 1.0, (SEED + 2, SEED + 3),
        opposites=5_000,
    ),
    "third": Stage(
        4e-5, {"mctest": 1_000, "boolq": 2_000}, {}, 0.12, (SEED + 4,), 1_000, opposites=1_000, spoken=2, asked=0.4,
        answered=True,
    ),
    "fourth": Stage(
        5e-5, {"mctest": 1_500, "boolq": 2_000},
        {"fm2": 2, "wice": 2, "factcg": 1, "scifact": 1, "expertqa": 1}, 0.12, (SEED + 5,), 1_000,
        opposites=1_000, spoken=1, asked=0.2, answered=True, premises=2, graded=0.4,
    ),
    "fifth": Stage(
        4e-5, {"mctest": 1_000, "boolq": 2_000},
        {"fm2": 2, "wice": 3, "factcg": 1, "scifact": 1, "expertqa": 1}, 0.12, (SEED + 6,), 1_500,
        opposites=1_000, spoken=1, asked=0.15, answered=True, premises=1, exchanged=4_000, graded=0.3,
    ),
}  # fmt: skip
"""The second reads more of what is hardest; the third adds what candidates say and what questions ask, the fourth what
questions take for granted, the fifth changed words; each repeats some of the rest."""
log = logging.getLogger("train")


def batches(lengths: Sequence[int], rng: random.Random) -> list[list[int]]:
    """Positions grouped by similar length under a token budget, groups in random order."""
    order = sorted(range(len(lengths)), key=lambda i: (lengths[i] + rng.randint(0, 12), i))
    found: list[list[int]] = []
    current: list[int] = []
    longest = 0
    for i in order:
        longest = max(longest, lengths[i])
        if current and longest * (len(current) + 1) > BATCH_TOKENS:
            found.append(current)
            current, longest = [], lengths[i]
        current.append(i)
    found.append(current)
    rng.shuffle(found)
    return found


def loss_of(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy; for UNSUPPORTED the probability of both other classes together."""
    scores = torch.log_softmax(logits.float(), dim=1)
    either = torch.logsumexp(scores[:, :2], dim=1)
    exact = scores.gather(1, labels.clamp(max=2).unsqueeze(1)).squeeze(1)
    return -torch.where(labels == UNSUPPORTED, either, exact).mean()


def predict(model: Any, tokenizer: Any, rows: Sequence[Row]) -> NDArray[np.float32]:
    """Probabilities (rows, 3) in evaluation mode."""
    model.eval()
    out = np.zeros((len(rows), 3), dtype=np.float32)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i].passage) + len(rows[i].claim))
    for start in range(0, len(order), 32):
        part = order[start : start + 32]
        inputs = tokenizer(
            [rows[i].passage for i in part], [rows[i].claim for i in part],
            truncation="longest_first", max_length=MAX_TOKENS, padding=True, return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            out[part] = torch.softmax(model(**inputs).logits, dim=1).numpy()
    return out


def rows_of(stage: Stage, args: argparse.Namespace, weights: torch.Tensor, tokenizer: Any) -> list[Row]:
    """All rows of a stage in random order."""
    rng = random.Random(SEED)

    def wanted(item: Mapping[str, Any]) -> bool:
        return args.stage == "first" or item["set"] in UNGROUPED or not kept_for_calibration(item["group"])

    opened = list(open_rows(args.data / "train.jsonl", rng, stage.caps, stage.repeats, stage.share, wanted))
    graded = list(graded_rows(args.data / "grading_train.jsonl", rng))
    graded = rng.sample(graded, int(stage.graded * len(graded)))
    planted = list(planted_rows(read_corpus(args.corpus), stage.planted, stage.asked, rng))
    made = list(swapped_words(opened, tokenizer.get_vocab(), weights, rng, stage.swapped))
    made += opposites(opened, rng, stage.opposites)
    if stage.exchanged:
        made += exchanged_words([row.passage for row in opened + planted], rng, stage.exchanged)
    spoken = list(spoken_rows(args.corpus / "problems", rng, stage.spoken)) if stage.spoken else []
    questions: list[Row] = []
    if stage.answered:
        folder = models.resolve("embedding", load_settings())
        questions += squad_rows(args.data / "train.jsonl")
        embedder = SentenceEmbedder(lambda: folder, "")
        questions += question_rows(read_corpus(args.corpus), embedder, rng)
        for _ in range(stage.premises):
            questions += premise_rows(read_corpus(args.corpus), embedder, rng)
    counts = (len(opened), len(graded), len(planted), len(made), len(spoken), len(questions))
    log.info("rows: open %d, graded %d, planted %d, swapped %d, spoken %d, questions %d", *counts)
    vocabulary = Vocabulary([words(row.passage) for row in rng.sample(opened, min(len(opened), 20_000))])
    rows = [shortened(row, vocabulary.idf) for row in opened + graded + questions] + planted + made + spoken
    rng.shuffle(rows)
    return rows[: args.limit] if args.limit else rows


def main() -> None:
    """Train a stage, report on the development rows, save in fp32 for `training.onnx_export`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=STAGES)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--start", type=lambda text: Path(text).resolve(), help="folder of the stage before, or the shipped model"
    )
    parser.add_argument("--limit", type=int, default=0, help="rows, for a quick look")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.manual_seed(SEED)
    stage = STAGES[args.stage]
    folder = models.resolve("embedding", load_settings())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(
        folder if args.start == VERIFIER else args.start or folder, num_labels=3, hidden_dropout_prob=stage.dropout,
        attention_probs_dropout_prob=stage.dropout, attn_implementation="eager",
    )  # fmt: skip
    if args.start == VERIFIER:
        model.load_state_dict(shipped_weights())
    rows = rows_of(stage, args, model.get_input_embeddings().weight.detach(), tokenizer)
    train(model, tokenizer, rows, stage.rate, args.out)
    dev = list(open_rows(args.data / "dev.jsonl", random.Random(SEED)))
    scores = predict(model, tokenizer, dev)
    hits = (scores[:, 2] > 0.5) == np.array([row.label == SUPPORTED for row in dev])
    log.info("development rows: %d, supported-or-not accuracy %.4f", len(dev), float(hits.mean()))


def train(model: Any, tokenizer: Any, rows: Sequence[Row], rate: float, out: Path) -> None:
    """One pass over the rows in batches of similar length; bfloat16, AdamW, warm-up and linear decay.

    Eager attention and no dropout read twice as many tokens a second on two cores as PyTorch's fused
    attention with dropout: its backward pass and the drawing of masks are slow on a CPU.
    """
    rng = random.Random(SEED)
    encoded = tokenizer(
        [row.passage for row in rows], [row.claim for row in rows], truncation="longest_first", max_length=MAX_TOKENS
    )  # fmt: skip
    ids = encoded["input_ids"]
    lengths = [len(i) for i in ids]
    plan = batches(lengths, rng)
    log.info("tokens: %.2f M in %d steps", sum(lengths) / 1e6, len(plan))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / 300, max(0.02, 1 - step / len(plan)))
    )
    began, seen, running = time.monotonic(), 0, 0.0
    model.train()
    for step, batch in enumerate(plan, 1):
        inputs = tokenizer.pad(
            {
                "input_ids": [ids[i] for i in batch],
                "token_type_ids": [encoded["token_type_ids"][i] for i in batch],
                "attention_mask": [encoded["attention_mask"][i] for i in batch],
            },
            return_tensors="pt",
        )
        labels = torch.tensor([rows[i].label for i in batch])
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(**inputs).logits
        loss = loss_of(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        seen += sum(lengths[i] for i in batch)
        running = 0.98 * running + 0.02 * loss.item() if step > 1 else loss.item()
        if step % 100 == 0:
            log.info(
                "step %d/%d loss %.4f %.0f tokens/s", step, len(plan), running, seen / (time.monotonic() - began)
            )  # fmt: skip
        if step % 500 == 0:
            model.save_pretrained(out)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


if __name__ == "__main__":
    main()
