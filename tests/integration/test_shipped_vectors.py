"""What ships with the guide are the vectors of its texts, so that only what a reader changed is embedded."""

import random

import numpy as np
import pytest

from training.ship_vectors import CLOSE, texts
from tutor.retrieval import shipped
from tutor.settings import load_settings
from tutor.tutor import SHIPPED_VECTORS, Tutor


@pytest.fixture(scope="module")
def guide(tmp_path_factory, settings) -> Tutor:
    return Tutor(load_settings(home=settings.home))


@pytest.fixture(scope="module")
def wanted(guide) -> dict[str, str]:
    return texts(guide)


@pytest.fixture(scope="module")
def held(guide):
    return shipped.read(SHIPPED_VECTORS, guide.embedder)


def test_nearly_all_texts_of_the_guide_are_shipped_and_nothing_else(wanted, held):
    assert len(wanted.keys() - held.keys()) <= 0.02 * len(wanted), "run `make vectors`"
    assert len(held.keys() - wanted.keys()) <= 0.05 * len(wanted), "run `make vectors`"


def test_shipped_vectors_are_those_of_their_texts(guide, wanted, held):
    sample = random.Random(2026).sample(sorted(wanted.keys() & held.keys()), 400)
    made = guide.embedder.embed([wanted[key] for key in sample])
    assert min(float(np.dot(held[key], vector)) for key, vector in zip(sample, made, strict=True)) > CLOSE


def test_vectors_of_another_model_and_damaged_files_are_not_used(guide, held, tmp_path):
    file = tmp_path / "vectors.npz"

    class Other:
        fingerprint = "another model"

    shipped.write(file, dict(list(held.items())[:5]), Other())
    assert shipped.read(file, guide.embedder) == {}
    file.write_bytes(SHIPPED_VECTORS.read_bytes()[:10_000])
    assert shipped.read(file, guide.embedder) == {}
    assert shipped.read(tmp_path / "nothing.npz", guide.embedder) == {}


def test_a_guide_of_shipped_vectors_is_indexed_without_embedding(settings, tmp_path):
    fresh = Tutor(load_settings(home=tmp_path, corpus=SHIPPED_VECTORS.parent / "guide"))
    (tmp_path / "models").symlink_to(settings.models_dir)
    asked = []
    embed = fresh.embedder.embed
    fresh.embedder.embed = lambda found, progress=None: (asked.extend(found), embed(found, progress))[1]
    report = fresh.index()
    assert report.added == report.chunks
    assert len(asked) <= 0.02 * report.chunks
