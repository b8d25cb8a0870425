"""The benchmark works from end to end, on two chapters and with few questions; what it times is what it says."""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

from tokenizers import Tokenizer

from evals.bench.verify import TOKENS, pairs
from tutor import hardware, models

ROOT = Path(__file__).parents[2]


def test_a_quick_run_measures_each_figure_beside_its_reference(settings, corpus):
    done = subprocess.run(
        [sys.executable, "-m", "evals.bench", "--quick", "--json", "--only", "retrieval,verify,index"],
        cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "TUTOR_HOME": str(settings.home), "TUTOR_CORPUS": str(corpus)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    figures = {figure["name"]: figure for figure in found["figures"]}
    assert list(found["seconds"]) == ["verify", "index", "retrieval"]
    pair = figures[f"verify a pair of {TOKENS} tokens, one core"]
    assert len(pair["samples"]) == len(pair["reference"]["samples"]) == 4
    for figure in (pair, figures["whole guide indexed"], figures["retrieve"]):
        assert min(figure["samples"]) > 0 and min(figure["reference"]["samples"]) > 0 and figure["ratio"] > 0
    assert {name: len(part) for name, part in figures["retrieve"]["detail"].items()} == {
        "stands alone": 2,
        "follow-up": 2,
    }
    assert (
        figures["whole guide indexed again, unchanged"]["measured"]
        < figures["whole guide indexed"]["measured"]
    )
    assert found["processor"]["kind"] and found["versions"]["onnxruntime"]


def test_timed_pairs_have_the_length_they_are_said_to_have(settings, corpus):
    tokenizer = Tokenizer.from_file(str(models.resolve("embedding", settings) / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = [file.read_text(encoding="utf-8") for file in sorted(corpus.glob("*.md"))]
    found = list(pairs(tokenizer, iter(texts)))
    assert len(found) >= 63 and len(set(found)) == len(found)
    assert {len(tokenizer.encode(*pair).ids) for pair in found} == {TOKENS}
    made = hardware.pair_of(hardware.PAIR_TOKENS, random.Random(1))
    assert len(tokenizer.encode(*made).ids) == hardware.PAIR_TOKENS
