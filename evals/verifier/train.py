"""Trains the verifier: a small cross-encoder that reads a passage and a claim.

Does not know the eval sets. Run as `python -m evals.verifier.train --data DIR` where DIR holds the
open data (`train.jsonl`, `dev.jsonl`, `grading_train.jsonl`); the guide's own pairs are planted
here. Starts from the embedding model's weights. Two cores are enough: about an hour.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from evals.verifier.planting import EVERYDAY_OPPOSITES, OPPOSITES, held_out, pairs, swap
from tutor import models
from tutor.corpus.read import read_corpus
from tutor.retrieval.lexical import Vocabulary, weighted_share, words
from tutor.settings import load_settings
from tutor.verification.verifier import gathered

SEED = 20_26
MAX_TOKENS = 224
BATCH_TOKENS = 3_200
RATE = 9e-5
SECOND_RATE = 6e-5
EPOCHS = 1
CONTRADICTED, NEUTRAL, SUPPORTED, UNSUPPORTED = 0, 1, 2, 3
"""The classes; UNSUPPORTED says "not class 2" where the data does not say which of the two."""
LABELS = {
    "contradiction": CONTRADICTED,
    "neutral": NEUTRAL,
    "entailed": SUPPORTED,
    "not_entailed": UNSUPPORTED,
}
LONG = 115
"""Words; of a longer passage only the sentences that share most with the claim are read, as in use."""
CAPS = {"mctest": 2_400, "boolq": 3_000, "fever_dev": 9_000, "factcg": 2_600}
"""Rows taken of the sets that would outweigh the rest or read slowly."""
SECOND_CAPS = {"mctest": 2_400, "boolq": 2_400, "fever_dev": 7_000, "mnli": 6_000, "cad_snli": 6_000}
SECOND_REPEATS = {"fm2": 2, "wice": 3, "begin": 2}
"""The second run reads more of what is hardest and less of what is plenty."""
log = logging.getLogger("train")


@dataclass(frozen=True)
class Row:
    """One training pair."""

    passage: str
    claim: str
    label: int


def open_rows(
    path: Path, rng: random.Random, caps: Mapping[str, int] = CAPS, repeats: Mapping[str, int] | None = None
) -> Iterator[Row]:
    """Rows of an open data file, capped and repeated by set."""
    by_set: dict[str, list[Row]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        label = item["label"]
        if label not in LABELS:
            score = float(item["score"])
            if 0.3 < score < 0.8:
                continue
            label = "entailed" if score >= 0.8 else "not_entailed"
        by_set.setdefault(item["set"], []).append(Row(item["premise"], item["hypothesis"], LABELS[label]))
    for name, rows in sorted(by_set.items()):
        rng.shuffle(rows)
        yield from rows[: caps.get(name, len(rows))] * (repeats or {}).get(name, 1)


def shortened(row: Row, idf: Callable[[str], float]) -> Row:
    """The row with a long passage cut to the sentences that share most with the claim."""
    if len(row.passage.split()) <= LONG:
        return row
    wanted = set(words(row.claim))
    window = gathered(0, row.passage, lambda text: weighted_share(wanted, set(words(text)), idf))
    return Row(window.text, row.claim, row.label)


def opposites(rows: Sequence[Row], rng: random.Random, count: int) -> Iterator[Row]:
    """A short sentence beside itself with one word turned into its opposite."""
    short = sorted({row.passage for row in rows if 5 <= len(row.passage.split()) <= 30})
    rng.shuffle(short)
    made = 0
    for text in short:
        broken = swap(text, [*OPPOSITES, *EVERYDAY_OPPOSITES], rng)
        if broken is None:
            continue
        yield Row(text, broken, UNSUPPORTED)
        if made % 2:
            yield Row(text, text, SUPPORTED)
        made += 1
        if made >= count:
            return


def swapped_words(
    rows: Sequence[Row], vocabulary: dict[str, int], weights: torch.Tensor, rng: random.Random, count: int
) -> Iterator[Row]:
    """A short sentence beside itself, whole, cut, or with one word replaced by a near word."""
    whole = [(word, i) for word, i in vocabulary.items() if re.fullmatch(r"[a-z]{3,}", word)]
    ids = torch.tensor([i for _, i in whole])
    unit = torch.nn.functional.normalize(weights[ids], dim=1)
    at = {word: n for n, (word, _) in enumerate(whole)}
    short = [row.passage for row in rows if 5 <= len(row.passage.split()) <= 22]
    rng.shuffle(short)
    common = {word for text in short for word in text.lower().split()}
    made = 0
    for text in short:
        if made >= count:
            return
        words = text.split()
        spots = [i for i, word in enumerate(words) if word.lower() in at and len(word) > 3]
        if not spots:
            continue
        spot = rng.choice(spots)
        near = (unit @ unit[at[words[spot].lower()]]).topk(40).indices.tolist()[6:]
        near = [n for n in near if whole[n][0] in common and whole[n][0][:4] != words[spot].lower()[:4]]
        if not near:
            continue
        other = [*words]
        other[spot] = whole[rng.choice(near)][0]
        yield Row(text, " ".join(other), UNSUPPORTED)
        if made % 2 == 0:
            cut = " ".join(words[: max(4, spot)])
            yield Row(text, text if rng.random() < 0.6 else cut, SUPPORTED)
        made += 1


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


def main() -> None:
    """Train, report on the development rows, save in fp32 for `evals.verifier.pack`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=EPOCHS)
    parser.add_argument("--start", type=Path, help="weights of the first run: makes this the second")
    parser.add_argument("--limit", type=int, default=0, help="rows, for a quick look")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    rng = random.Random(SEED)
    torch.manual_seed(SEED)
    second = args.start is not None
    folder = models.resolve("embedding", load_settings())
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(args.start or folder, num_labels=3)
    caps, repeats = (SECOND_CAPS, SECOND_REPEATS) if second else (CAPS, None)
    opened = list(open_rows(args.data / "train.jsonl", rng, caps, repeats))
    graded = list(open_rows(args.data / "grading_train.jsonl", rng))
    documents = read_corpus(args.corpus)
    planted = [
        Row(p.passage, p.claim, SUPPORTED if p.supported else UNSUPPORTED)
        for seed in ((SEED + 2, SEED + 3) if second else (SEED,))
        for p in pairs(documents, seed=seed, wanted=lambda s: not held_out(s), per_claim=3)
    ]
    weights = model.get_input_embeddings().weight.detach()
    swapped = list(swapped_words(opened, tokenizer.get_vocab(), weights, rng, 6_000))
    if second:
        swapped += opposites(opened, rng, 5_000)
    vocabulary = Vocabulary([words(row.passage) for row in rng.sample(opened, min(len(opened), 20_000))])
    rows = [shortened(row, vocabulary.idf) for row in opened + graded] + planted + swapped
    rng.shuffle(rows)
    if args.limit:
        rows = rows[: args.limit]
    counts = (len(opened), len(graded), len(planted), len(swapped))
    log.info("rows: open %d, graded %d, planted %d, swapped %d", *counts)
    encoded = tokenizer(
        [row.passage for row in rows],
        [row.claim for row in rows],
        truncation="longest_first",
        max_length=MAX_TOKENS,
    )
    ids = encoded["input_ids"]
    lengths = [len(i) for i in ids]
    log.info("tokens an epoch: %.2f M", sum(lengths) / 1e6)
    plan = batches(lengths, rng)
    steps = int(args.epochs * len(plan))
    while len(plan) < steps:
        plan += batches(lengths, rng)
    plan = plan[:steps]
    optimizer = torch.optim.AdamW(model.parameters(), lr=SECOND_RATE if second else RATE, weight_decay=0.01)
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
            rate = seen / (time.monotonic() - began)
            log.info("step %d/%d loss %.4f %.0f tokens/s", step, len(plan), running, rate)
        if step % 500 == 0:
            model.save_pretrained(args.out)
    model.save_pretrained(args.out)
    tokenizer.save_pretrained(args.out)
    dev = list(open_rows(args.data / "dev.jsonl", rng))
    scores = predict(model, tokenizer, dev)
    hits = (scores[:, 2] > 0.5) == np.array([row.label == SUPPORTED for row in dev])
    log.info("development rows: %d, supported-or-not accuracy %.4f", len(dev), float(hits.mean()))


if __name__ == "__main__":
    main()
