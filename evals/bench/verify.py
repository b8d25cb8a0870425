"""Reading one pair on one core, beside sentence-transformers' CrossEncoder in fp32. Runs in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evals.bench.figures import Figure, Reference
from evals.bench.session import ROOT, Session

TOKENS = 128
CLAIM = 24
BARS = {"AVX-512": (17.0,), "AVX2": (30.0,)}


def figures(session: Session) -> list[Figure]:
    """One figure: milliseconds to read a pair of TOKENS tokens."""
    done = subprocess.run(
        [sys.executable, "-m", "evals.bench.verify", str(session.embedding_folder), str(session.count(60, 4))],
        cwd=ROOT, env=session.environment(session.settings.home), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"The pairs could not be timed: {done.stderr.strip()[-500:]}")
    found = json.loads(done.stdout.splitlines()[-1])
    reference = Reference("CrossEncoder, fp32", tuple(found["reference"]), None if session.quick else 1.3)
    name = f"verify a pair of {TOKENS} tokens, one core"
    return [Figure(name, "ms", tuple(found["ours"]), session.bars(BARS), reference=reference)]


def pairs(tokenizer: Any, texts: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Passages of the texts with claims from what follows them, of TOKENS tokens together, each text used once."""
    size = TOKENS - CLAIM - 3
    for text in texts:
        offsets = tokenizer.encode(text, add_special_tokens=False).offsets
        for at in range(0, len(offsets) - size - CLAIM, size + CLAIM):
            cuts = offsets[at : at + size], offsets[at + size : at + size + CLAIM]
            passage, claim = (text[cut[0][0] : cut[-1][1]] for cut in cuts)
            if len(tokenizer.encode(passage, claim).ids) == TOKENS:
                yield passage, claim


def one_core() -> None:
    """Keep this process to one core; where the system cannot, libraries are told to use one thread."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ.update({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})


def main(folder: Path, count: int) -> None:
    """Time ours and the reference pair by pair, each pair read once by each; prints milliseconds as JSON."""
    one_core()
    import torch
    from sentence_transformers import CrossEncoder
    from tokenizers import Tokenizer

    from tutor.settings import load_settings
    from tutor.tutor import Tutor

    settings = load_settings()
    torch.set_num_threads(1)
    reader = Tutor(settings).verifier()
    reference = CrossEncoder(str(folder), num_labels=3, device="cpu")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = (file.read_text(encoding="utf-8") for file in sorted(settings.corpus.rglob("*.md")))
    spent: dict[str, list[float]] = {"ours": [], "reference": []}
    for number, pair in zip(range(count + 3), pairs(tokenizer, texts), strict=False):
        for name in ("ours", "reference") if number % 2 else ("reference", "ours"):
            began = time.perf_counter()
            if name == "ours":
                reader.read([pair])
            else:
                reference.predict([pair], apply_softmax=True, show_progress_bar=False)
            spent[name].append((time.perf_counter() - began) * 1000)
    print(json.dumps({name: times[3:] for name, times in spent.items()}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
