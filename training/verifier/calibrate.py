"""Fits how the verifier's signals are weighed, and reports it on what it never saw.

Does not train the cross-encoder. Fits on planted pairs of the calibration sections (`part_of`) and on
open rows that the later stages of training never saw; reports on planted pairs of the test sections and, with
--report, on the open test rows. Run as `python -m training.verifier.calibrate --data DIR`.
"""

from __future__ import annotations

import argparse
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score

from training.pipeline import Fitted, digest, write
from training.verifier.planting import pairs, part_of
from training.verifier.rows import SUPPORTED, UNGROUPED, kept_for_calibration, open_rows
from training.verifier.train import SEED
from tutor import models
from tutor.corpus.read import corpus_digest, read_corpus
from tutor.parameters.store import FOLDER
from tutor.retrieval.embedder import SentenceEmbedder
from tutor.retrieval.lexical import Vocabulary, words
from tutor.settings import load_settings
from tutor.verification.cross_encoder import VERIFIER, WEIGHTS, CrossEncoder
from tutor.verification.verifier import Calibration, Features, Verifier

COMMON = 12_000
"""Stems whose rarity is kept."""
KEPT_CAPS = {"fever_dev": 300, "mctest": 150}
"""Rows kept from training that are read at most."""
GUIDE_SHARE = 0.5
"""Weight of the guide's pairs beside the open ones."""


def main() -> None:
    """Fit, write `parameters/calibration.json` and `weights/rarity.json`, print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, default=Path("corpus"))
    parser.add_argument("--report", action="store_true", help="also the open test rows")
    args = parser.parse_args()
    rng = random.Random(SEED)
    documents = read_corpus(args.corpus)
    rows = list(open_rows(args.data / "train.jsonl", rng))
    texts = [s.text for d in documents for s in d.sections] + [r.passage for r in rng.sample(rows, 20_000)]
    idf = rarity(texts)
    write_rarity(idf)
    settings = load_settings()
    folder = models.resolve("embedding", settings)
    embedder = SentenceEmbedder(lambda: folder, "")
    verifier = Verifier(CrossEncoder(lambda: folder), embedder, Calibration())

    def table(triples: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        read = verifier._encoder.probabilities(list(triples))
        claims = embedder.embed([claim for _, claim in triples])
        sources = embedder.embed([source for source, _ in triples])
        return np.array([
            verifier.features(claim, source, read[i].tolist(), float(claims[i] @ sources[i]))[0]
            for i, (source, claim) in enumerate(triples)
        ])  # fmt: skip

    own = list(pairs(documents, seed=SEED, wanted=lambda s: part_of(s) == "calibration"))
    other = list(open_rows(args.data / "dev.jsonl", rng))
    other += open_rows(args.data / "train.jsonl", rng, KEPT_CAPS, wanted=kept)
    x = np.vstack([table([(p.passage, p.claim) for p in own]), table([(r.passage, r.claim) for r in other])])
    y = np.array([p.supported for p in own] + [r.label == SUPPORTED for r in other])
    weight = np.array([GUIDE_SHARE / len(own)] * len(own) + [(1 - GUIDE_SHARE) / len(other)] * len(other))
    fitted = LogisticRegression(C=10.0, max_iter=2000).fit(x, y, sample_weight=weight * len(y))
    weights = dict(zip(Features._fields, fitted.coef_[0].tolist(), strict=True))
    scores = fitted.predict_proba(x[: len(own)])[:, 1]
    grid = np.arange(0.3, 0.8, 0.01)
    threshold = float(max(grid, key=lambda t: f1_score(~y[: len(own)], scores < t)))
    keep(
        "calibration",
        Fitted(
            {"": weights}, {"": float(fitted.intercept_[0])},
            {"supported": (threshold, "best F1 of planted defects on the calibration sections")},
            {"own pairs": len(own), "open pairs": len(other)}, folds="none: own and open pairs kept from training",
            seed=SEED,
        ),
        [args.data / "train.jsonl", args.data / "dev.jsonl"], args.corpus,
    )  # fmt: skip
    print(f"fitted on {len(own)} own and {len(other)} open pairs: {weights}, threshold {threshold:.2f}")
    test = list(pairs(documents, seed=SEED + 1, wanted=lambda s: part_of(s) == "test"))
    held = fitted.predict_proba(table([(p.passage, p.claim) for p in test]))[:, 1]
    planted(test, held, threshold)
    if args.report:
        opened(args.data, Verifier(CrossEncoder(lambda: folder), embedder, Calibration()))


def kept(item: Mapping[str, Any]) -> bool:
    """Whether an open training row was kept from the later stages."""
    return item["set"] not in UNGROUPED and kept_for_calibration(item["group"])


def planted(test: Sequence[Any], scores: NDArray[np.float64], threshold: float) -> None:
    """Print what is caught of each planted defect."""
    broken = np.array([not p.supported for p in test])
    caught = scores < threshold
    auroc = roc_auc_score(~broken, scores)
    print(f"planted, n={len(test)}: F1 {f1_score(broken, caught):.3f} AUROC {auroc:.3f}")
    for kind in sorted(Counter(p.defect for p in test)):
        at = np.array([p.defect == kind for p in test])
        if kind != "none":
            both = at | ~broken
            f1 = f1_score(broken[both], caught[both])
            share = caught[at].mean()
            print(f"  {kind:12s} n={at.sum():4d} caught {share:.3f} F1 beside all true pairs {f1:.3f}")
        else:
            print(f"  true pairs   n={at.sum():4d} wrongly caught {caught[at].mean():.3f}")


def opened(data: Path, verifier: Verifier) -> None:
    """Print AUROC on the open test rows, read the way `tutor verify` reads them."""
    by_set: dict[str, list[dict[str, Any]]] = {}
    for line in (data / "test.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        by_set.setdefault(item["set"], []).append(item)
    for name, items in sorted(by_set.items()):
        scores: list[float] = []
        for start in range(0, len(items), 100):
            part = items[start : start + 100]
            scores += [
                v.score for v in verifier.verify_all([(i["hypothesis"], [i["premise"]]) for i in part])
            ]
        y = [item["label"] == "entailed" for item in items]
        print(f"{name}: n={len(y)} AUROC {roc_auc_score(y, scores):.3f}")


def rarity(texts: Sequence[str]) -> dict[str, float]:
    """Inverse document frequency of the commonest stems."""
    split = [words(text) for text in texts]
    vocabulary = Vocabulary(split)
    counts = Counter(word for text in split for word in set(text))
    return {word: round(vocabulary.idf(word), 2) for word, _ in sorted(counts.most_common(COMMON))}


def write_rarity(idf: dict[str, float]) -> None:
    """Keep how rare words are."""
    held = {"unseen": max(idf.values()), "idf": idf}
    (WEIGHTS / "rarity.json").write_text(json.dumps(held, ensure_ascii=False) + "\n", encoding="utf-8")


def keep(name: str, fitted: Fitted, files: Sequence[Path], corpus: Path | None = None) -> None:
    """Write an artefact that was fitted on open data, and by which models."""
    read: dict[str, Any] = {
        "data": {file.name: {"sha256": digest([file.read_bytes()])} for file in files},
        "encoder": models.MODELS["embedding"].sha256[:16],
        "verifier": digest([VERIFIER.read_bytes()]),
    }
    if corpus is not None:
        read["guide"] = corpus_digest(read_corpus(corpus))
    write(FOLDER / f"{name}.json", fitted, read)


if __name__ == "__main__":
    main()
