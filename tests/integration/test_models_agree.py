"""The small models give the same answers as their trainers' library, and the same on every processor."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training.onnx_export import shipped_weights
from tutor import models
from tutor.retrieval.embedder import SentenceEmbedder
from tutor.settings import load_settings
from tutor.verification.cross_encoder import MAX_TOKENS, CrossEncoder

RECORDED = Path(__file__).with_name("verifier_probabilities.jsonl")
"""Passages, claims, and what the verifier read on a processor with AVX-512 (AVX2 differed by .046 at most, n = 1,160)."""
FURTHEST, MEAN = 0.06, 0.002
"""Differences (of a probability) between processors: kernels add up in another order, and now and then that moves an
activation to the next of its 255 steps."""
TEXTS = [
    "What is a reverse proxy?", "", "x" * 3_000, "Ein Satz über Zwischenspeicher", "naïve café 缓存 🙂",
    "| node | keys |\n|---|---|\n| a | 10 |", *(f"Replica {i} lags behind by {i * 7} ms. " * (i % 9 + 1) for i in range(40)),
]  # fmt: skip


@pytest.fixture(scope="module")
def folder() -> Path:
    return models.resolve("embedding", load_settings())


@pytest.fixture(scope="module")
def embedder(folder) -> SentenceEmbedder:
    return SentenceEmbedder(lambda: folder, "")


@pytest.fixture(scope="module")
def encoder(folder) -> CrossEncoder:
    return CrossEncoder(lambda: folder)


@pytest.fixture(scope="module")
def recorded() -> list[dict]:
    return [json.loads(line) for line in RECORDED.read_text(encoding="utf-8").splitlines()]


def test_vectors_are_those_of_sentence_transformers(embedder, folder):
    from sentence_transformers import SentenceTransformer

    reference = SentenceTransformer(str(folder), device="cpu").encode(TEXTS, normalize_embeddings=True)
    assert np.abs(embedder.embed(TEXTS) - reference).max() < 1e-5


def test_a_text_has_the_same_vector_whatever_it_is_embedded_with(embedder):
    alone = np.vstack([embedder.embed([text]) for text in TEXTS])
    assert np.abs(embedder.embed(TEXTS) - alone).max() < 1e-6


def test_the_verifier_reads_the_same_on_this_processor_as_where_it_was_recorded(encoder, recorded):
    read = encoder.probabilities([(row["passage"], row["claim"]) for row in recorded])
    apart = np.abs(read - np.array([row["probabilities"] for row in recorded]))
    assert apart.max() < FURTHEST
    assert apart.mean() < MEAN


def test_a_pair_is_read_the_same_whatever_it_is_read_with(encoder, recorded):
    pairs = [(row["passage"], row["claim"]) for row in recorded[:40]]
    alone = np.vstack([encoder.probabilities([pair]) for pair in pairs])
    assert np.abs(encoder.probabilities(pairs) - alone).max() < MEAN


def test_eight_bits_change_little_of_what_the_trained_network_reads(encoder, folder, recorded):
    from sentence_transformers import CrossEncoder as Reference

    reference = Reference(str(folder), num_labels=3, device="cpu", max_length=MAX_TOKENS)
    reference.model.load_state_dict(shipped_weights())
    pairs = [(row["passage"], row["claim"]) for row in recorded]
    whole = reference.predict(pairs, activation_fn=torch.nn.Softmax(dim=1), show_progress_bar=False)
    apart = np.abs(encoder.probabilities(pairs) - whole)
    assert apart.mean() < 0.012
    assert np.mean(encoder.probabilities(pairs).argmax(1) == whole.argmax(1)) > 0.96
