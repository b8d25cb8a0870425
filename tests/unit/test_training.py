"""The fitting pipeline: what is stale is found by what an artefact was fitted on, and data do not cross the wall."""

import ast
import json
import re
from pathlib import Path

import pytest

from training import datasets, pipeline
from training.pipeline import STAGES, Fitted, Stage
from tutor.parameters import store

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An artefact folder and development sets of the test's own."""
    monkeypatch.setattr(store, "FOLDER", tmp_path / "parameters")
    monkeypatch.setattr(datasets, "DATA", tmp_path / "data")
    (tmp_path / "parameters").mkdir()
    (tmp_path / "data" / "numbers").mkdir(parents=True)
    (tmp_path / "data" / "numbers" / "a.jsonl").write_text(json.dumps({"value": 2.0}) + "\n")
    return tmp_path


def written(folder, name):
    return json.loads((folder / "parameters" / f"{name}.json").read_text())


FIRST = Stage("first", "tests.unit.fitters", ("numbers",), guide=False, verifier=False)


def test_an_artefact_says_what_it_was_fitted_on(folder):
    fitted = Fitted({"": {"a": 1 / 3}}, {"": 0.5}, {"cut": (0.25, "by hand")}, {"n": 1}, "two", 7)
    pipeline.write(folder / "parameters" / "first.json", fitted, pipeline.inputs(FIRST, None))
    held = written(folder, "first")
    assert held["weights"] == {"": {"a": 0.3333}} and held["thresholds"]["cut"] == {"value": 0.25, "rule": "by hand"}
    assert held["fitted"]["data"]["numbers"]["n"] == 1 and held["fitted"]["seed"] == 7
    assert len(held["fitted"]["commit"]) >= 7


def test_a_stage_is_stale_when_its_data_or_the_numbers_before_it_change(folder):
    first = folder / "parameters" / "first.json"
    second = Stage("second", "tests.unit.fitters", ("numbers",), ("first",), guide=False, verifier=False)
    pipeline.write(first, Fitted({"": {"a": 1.0}}), pipeline.inputs(FIRST, None))
    pipeline.write(folder / "parameters" / "second.json", Fitted({"": {"b": 1.0}}), pipeline.inputs(second, None))

    def stale():
        found = {}
        for stage in (FIRST, second):
            held = written(folder, stage.name)["fitted"]
            found[stage.name] = [k for k, v in pipeline.inputs(stage, None).items() if held.get(k) != v]
        return found

    assert stale() == {"first": [], "second": []}
    pipeline.write(first, Fitted({"": {"a": 1.0}}, metrics={"n": 2}), pipeline.inputs(FIRST, None))
    assert stale() == {"first": [], "second": []}
    pipeline.write(first, Fitted({"": {"a": 2.0}}), pipeline.inputs(FIRST, None))
    assert stale() == {"first": [], "second": ["after"]}
    (folder / "data" / "numbers" / "a.jsonl").write_text(json.dumps({"value": 3.0}) + "\n")
    assert stale() == {"first": ["data"], "second": ["data", "after"]}


def test_a_set_that_is_not_there_is_an_error(folder):
    with pytest.raises(FileNotFoundError, match="colours"):
        datasets.cases("colours")


def test_stages_come_after_what_they_rest_on_and_every_artefact_has_one_or_a_script():
    seen: set[str] = set()
    for stage in STAGES:
        assert set(stage.after) <= seen, stage.name
        seen |= set(stage.artefacts)
    by_script = {"calibration", "grading", "chat_opinion"}
    assert {file.stem for file in (ROOT / "src/tutor/parameters").glob("*.json")} == seen | by_script


def strings(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]


def test_what_is_fitted_on_never_gates_and_what_gates_is_never_fitted_on():
    for file in (ROOT / "training").rglob("*.py"):
        assert not [text for text in strings(file) if "evals/sets" in text], file
        modules = [n.module or "" for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.ImportFrom)]
        assert not [name for name in modules if name.startswith("evals")], file
    for file in (ROOT / "evals").rglob("*.py"):
        if "bench" not in file.relative_to(ROOT).as_posix():
            assert not [text for text in strings(file) if "training/data" in text or text == "training"], file


WEIGHTS = ("WEIGHTS", "COEF", "LEANS", "COVERS", "DECISIONS", "BIAS")


def test_no_fitted_numbers_stand_in_the_source():
    """A tuple or list of three or more fractions, or a constant that is called weights, belongs into an artefact."""
    found = []
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.Tuple, ast.List)):
                numbers = [ast.unparse(item) for item in node.elts]
                fractions = [n for n in numbers if re.fullmatch(r"[-+]?\d*\.\d*[1-9]\d*", n)]
                if len(fractions) >= 3:
                    found.append(f"{file.name}:{node.lineno}: {', '.join(fractions)}")
            if isinstance(node, ast.Assign) and any(
                isinstance(t, ast.Name) and t.id in WEIGHTS for t in node.targets
            ) and not isinstance(node.value, ast.BinOp):
                found.append(f"{file.name}:{node.lineno}: {ast.unparse(node.targets[0])}")
    assert not found
