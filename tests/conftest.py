"""What tests share: a home of their own with the real models, and a small corpus of real chapters."""

import shutil
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from tutor.settings import Settings, load_settings
from tutor.tutor import Tutor

hypothesis_settings.register_profile("any machine", deadline=None)
hypothesis_settings.load_profile("any machine")
ROOT = Path(__file__).parents[1]
CHAPTERS = ("03-core-components.md", "04-scalability-patterns.md")


def linked_home(home: Path) -> Path:
    """A fresh home folder that shares the fetched models."""
    models = load_settings().models_dir
    home.mkdir(parents=True, exist_ok=True)
    if models.is_dir():
        (home / "models").symlink_to(models.resolve())
    return home


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    """Two chapters of the guide."""
    folder = tmp_path_factory.mktemp("corpus")
    for name in CHAPTERS:
        shutil.copy(ROOT / "corpus" / "guide" / name, folder / name)
    return folder


@pytest.fixture(scope="session")
def settings(tmp_path_factory, corpus) -> Settings:
    """Settings over a home of the tests' own, with the small chat model."""
    home = linked_home(tmp_path_factory.mktemp("home"))
    return load_settings(home=home, corpus=corpus, chat_model="small")


@pytest.fixture(scope="session")
def tutor(settings) -> Tutor:
    """A tutor with its index built."""
    made = Tutor(settings)
    made.index()
    made.load()
    yield made
    made.close()
