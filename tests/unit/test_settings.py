"""Settings: precedence, refusals, and the table in the README."""

import re
from pathlib import Path

import pytest

from tutor.errors import ConfigError
from tutor.settings import Settings, load_settings


def test_a_flag_beats_the_environment_which_beats_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tutor.toml").write_text("port = 1000\nllm_threads = 3\n")
    assert load_settings().port == 1000
    monkeypatch.setenv("TUTOR_PORT", "2000")
    assert load_settings().port == 2000
    assert load_settings(port=3000).port == 3000
    assert load_settings().llm_threads == 3


def test_unknown_and_wrong_settings_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUTOR_PORTT", "1")
    with pytest.raises(ConfigError, match="TUTOR_PORTT"):
        load_settings()
    monkeypatch.delenv("TUTOR_PORTT")
    with pytest.raises(ConfigError):
        load_settings(port=99999999)
    (tmp_path / "tutor.toml").write_text("nonsense = 1\n")
    with pytest.raises(ConfigError):
        load_settings()


def test_the_readme_lists_every_setting_once():
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `TUTOR_([A-Z_]+)` \|", readme, re.M)
    assert sorted(name.lower() for name in listed) == sorted(Settings.model_fields)
