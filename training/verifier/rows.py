"""Rows to train the verifier on: a passage, a claim or question, and what the passage says of it.

Open data, the guide's own sentences with planted defects, what candidates say, and questions. Does not know how
a model is trained.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from training.verifier.planting import EVERYDAY_OPPOSITES, OPPOSITES, asked, held_out, pairs, swap
from training.verifier.word_groups import SIBLINGS, SYNONYMS, exchanged, table
from tutor.answering.evidence import around
from tutor.corpus.blocks import passages, unlinked
from tutor.interview.problem import load_problems
from tutor.retrieval.embedder import SentenceEmbedder
from tutor.retrieval.lexical import weighted_share, words
from tutor.schema import Document
from tutor.verification.verifier import WINDOW_SIZE, gathered, size_of

CONTRADICTED, NEUTRAL, SUPPORTED, UNSUPPORTED = 0, 1, 2, 3
"""The classes; UNSUPPORTED says "not class 2" where the data does not say which of the two."""
LABELS = {
    "contradiction": CONTRADICTED,
    "neutral": NEUTRAL,
    "entailed": SUPPORTED,
    "not_entailed": UNSUPPORTED,
}
GRADES = {"correct": SUPPORTED, "incorrect": NEUTRAL, "contradictory": CONTRADICTED}
"""What the grades of SemEval-2013 task 7 say."""
DENIES = frozenset({"number", "negation", "opposite"})
"""Planted defects that the passage contradicts; of the others it only does not say them."""
CALIBRATION_GROUPS = 12
"""One group in this many of the open rows is kept from stages two and three, to weigh signals on."""
UNGROUPED = frozenset({"begin", "boolq", "cad_snli", "mnli"})
"""Sets that come as one group: all of them are trained on."""
QUESTIONS = Path(__file__).parent / "questions"
PREMISES = Path(__file__).parent / "premises"


@dataclass(frozen=True)
class Row:
    """One training pair."""

    passage: str
    claim: str
    label: int


def kept_for_calibration(group: str) -> bool:
    """Whether a group of open rows is kept from training stages two and three."""
    return int(hashlib.sha256(group.encode()).hexdigest(), 16) % CALIBRATION_GROUPS == 0


def open_rows(
    path: Path,
    rng: random.Random,
    caps: Mapping[str, int] = MappingProxyType({}),
    repeats: Mapping[str, int] = MappingProxyType({}),
    share: float = 1.0,
    wanted: Callable[[Mapping[str, Any]], bool] = lambda item: True,
) -> Iterator[Row]:
    """Rows of an open data file, capped by set, `share` (0..1) of each; those in `repeats` are read whole, so often."""
    by_set: dict[str, list[Row]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        if not wanted(item):
            continue
        label = item["label"]
        if label not in LABELS:
            score = float(item["score"])
            if 0.3 < score < 0.8:
                continue
            label = "entailed" if score >= 0.8 else "not_entailed"
        by_set.setdefault(item["set"], []).append(Row(item["premise"], item["hypothesis"], LABELS[label]))
    for name, rows in sorted(by_set.items()):
        rng.shuffle(rows)
        kept = len(rows) if name in repeats else int(share * caps.get(name, len(rows)))
        yield from rows[:kept] * repeats.get(name, 1)


def shortened(row: Row, idf: Callable[[str], float]) -> Row:
    """The row with a long passage cut to the sentences that share most with the claim."""
    if size_of(row.passage) <= WINDOW_SIZE:
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


def exchanged_words(sentences: Sequence[str], rng: random.Random, count: int) -> Iterator[Row]:
    """A short sentence beside itself with a word that means the same (supported), with one of the same kind that does
    not (not supported), and with one of each (not supported); three rows of each of `count` sentences."""
    same, kind = table(SYNONYMS), table(SIBLINGS)
    short = sorted({text for text in sentences if 5 <= len(text.split()) <= 30})
    rng.shuffle(short)
    made = 0
    for text in short:
        reworded, broken = exchanged(text, same, rng), exchanged(text, kind, rng)
        if reworded is None or broken is None:
            continue
        yield Row(text, reworded, SUPPORTED)
        yield Row(text, broken, UNSUPPORTED)
        yield Row(reworded, broken, UNSUPPORTED) if rng.random() < 0.5 else Row(text, text, SUPPORTED)
        made += 1
        if made >= count:
            return


def spoken_rows(folder: Path, rng: random.Random, per_statement: int) -> Iterator[Row]:
    """What candidates say of a check item beside what another says of it (supported), beside another item of the
    same problem, and what does not cover it (not supported); items that problems share are read once."""
    done: set[tuple[str, ...]] = set()
    for problem in load_problems(folder).values():
        items = problem.all_items()
        for item in items:
            if item.says in done:
                continue
            done.add(item.says)
            for text in item.says:
                others = [other for other in (*item.says, item.fill) if other != text]
                for other in rng.sample(others, min(per_statement, len(others))):
                    yield Row(text, other, SUPPORTED)
                for _ in range(per_statement):
                    foreign = rng.choice([other for other in items if other.id != item.id])
                    yield Row(text, rng.choice((*foreign.says, foreign.fill)), UNSUPPORTED)
            for text in item.misses:
                for other in rng.sample((*item.says, item.fill), min(2 * per_statement, len(item.says))):
                    yield Row(text, other, UNSUPPORTED)


def squad_rows(path: Path) -> Iterator[Row]:
    """Questions of SQuAD 2.0 beside a passage that answers them, or only seems to."""
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        question = item["hypothesis"].split("?")[0] + "?"
        if item["set"] == "squad2_qa" and "?" in item["hypothesis"]:
            yield Row(item["premise"], question, LABELS[item["label"]])


def question_rows(
    documents: Sequence[Document], embedder: SentenceEmbedder, rng: random.Random
) -> Iterator[Row]:
    """Questions on the guide's training sections beside the sentences nearest to them: of the section that answers
    (supported), of other sections (not supported), and of any section for what the guide does not answer."""
    found = [
        p for d in documents for s in d.sections if not held_out(s.id) for p in passages(s) if p.plain.strip()
    ]
    vectors = embedder.embed([p.plain for p in found])
    owner = np.array([p.section_id for p in found])
    asked_of = [
        json.loads(line)
        for file in sorted(QUESTIONS.glob("*.jsonl"))
        for line in file.read_text().splitlines()
    ]
    for case, vector in zip(asked_of, embedder.embed([case["question"] for case in asked_of]), strict=True):
        near = np.argsort(-(vectors @ vector), kind="stable")
        own = [int(i) for i in near if owner[i] == case["section"]]
        away = [int(i) for i in near[:40] if owner[i].split("/")[:2] != case["section"].split("/")[:2]]
        if case["answered"]:
            yield Row(around(found, own[0]), case["question"], SUPPORTED)
            for i in rng.sample(away[:10], min(2, len(away))):
                yield Row(around(found, i), case["question"], UNSUPPORTED)
        else:
            for i in dict.fromkeys([*own[:2], int(near[0])]):
                yield Row(around(found, i), case["question"], UNSUPPORTED)


def premise_rows(
    documents: Sequence[Document], embedder: SentenceEmbedder, rng: random.Random
) -> Iterator[Row]:
    """Questions that take something for granted, and what they take for granted as a claim, beside the sentence that
    carries or denies it (with its neighbours or alone), and beside the section's other near sentences; questions that
    only seem to be answered."""
    held = {s.id: passages(s) for d in documents for s in d.sections if not held_out(s.id)}
    vectors = {key: embedder.embed([p.plain for p in found]) for key, found in held.items() if found}
    cases = [json.loads(line) for file in sorted(PREMISES.glob("*.jsonl")) for line in file.read_text().splitlines()]
    for case, vector in zip(cases, embedder.embed([case["question"] for case in cases]), strict=True):
        found = held[case["section"]]
        near = [int(i) for i in np.argsort(-(vectors[case["section"]] @ vector), kind="stable")]
        if case.get("near_miss"):
            for i in near[:2]:
                yield Row(around(found, i), case["question"], UNSUPPORTED)
            continue
        at = next((i for i, p in enumerate(found) if plain(case["sentence"]) in plain(p.plain)), None)
        if at is None:
            continue
        label = SUPPORTED if case["held"] else CONTRADICTED
        yield Row(around(found, at), case["question"], label)
        yield Row(around(found, at) if rng.random() < 0.5 else found[at].plain, case["claim"], label)
        far = [i for i in near if abs(i - at) > 3]
        for i in far[-1:]:
            yield Row(around(found, i), rng.choice((case["question"], case["claim"])), UNSUPPORTED)


def plain(text: str) -> str:
    """Letters and digits only, in lower case; of a link its words."""
    return re.sub(r"[\W_]+", " ", unlinked(text)).strip().lower()


def graded_rows(path: Path, rng: random.Random) -> Iterator[Row]:
    """Short answers beside reference answers; what is incorrect without contradicting is beside the point."""
    for line in path.read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        if item.get("orig") in GRADES:
            yield Row(item["premise"], item["hypothesis"], GRADES[item["orig"]])
    yield from open_rows(path, rng, wanted=lambda item: item.get("orig") not in GRADES)


def planted_rows(
    documents: Sequence[Document], seeds: Sequence[int], asked_share: float, rng: random.Random
) -> Iterator[Row]:
    """Claims of the guide's training sections, true and broken, some of them also as questions."""
    for seed in seeds:
        for p in pairs(documents, seed=seed, wanted=lambda s: not held_out(s), per_claim=3):
            label = SUPPORTED if p.supported else CONTRADICTED if p.defect in DENIES else UNSUPPORTED
            yield Row(p.passage, p.claim, label)
            if rng.random() < asked_share:
                yield Row(p.passage, asked(p.claim, rng), label)
