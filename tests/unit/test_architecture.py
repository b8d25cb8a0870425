"""Arrows point one way and vendors stay behind their walls."""

import ast
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).parents[2] / "src" / "tutor"
LAYER = {
    "errors": 0, "hardware": 0, "schema": 0, "settings": 0, "home": 1, "parameters": 1, "inference": 1, "corpus": 1,
    "models": 1, "markdown": 1, "llm": 2, "store": 2, "retrieval": 2,
    "verification": 3, "answering": 4, "interview": 4, "interview_store": 5, "tutor": 5, "ui": 6, "cli": 7, "__main__": 8,
}  # fmt: skip
WALLS = {
    "gradio": ("ui/",), "chromadb": ("retrieval/vectors.py",),
    "llama_index": ("retrieval/vectors.py", "llm/"),
    "sqlalchemy": ("store.py", "interview_store.py"), "xllamacpp": ("llm/",),
    "onnxruntime": ("inference.py",), "tokenizers": ("inference.py",),
    "markdown_it": ("markdown.py",), "nh3": ("markdown.py",),
    "torch": (), "transformers": (), "sentence_transformers": (),
}  # fmt: skip


def imports(path: Path, *, top_only: bool = False):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            if node.module == "tutor":
                yield from (f"tutor.{alias.name}" for alias in node.names)


def files():
    return [(path, path.relative_to(SOURCE).as_posix()) for path in sorted(SOURCE.rglob("*.py"))]


def test_every_module_belongs_to_a_layer_and_imports_only_downwards():
    for path, name in files():
        here = name.split("/")[0].removesuffix(".py")
        if here == "__init__":
            continue
        for module in imports(path):
            if module.startswith("tutor."):
                there = module.split(".")[1]
                if there in LAYER:
                    assert LAYER[there] <= LAYER[here], f"{name} imports {module}"


def test_vendors_stay_behind_their_walls():
    for path, name in files():
        for module in imports(path):
            for vendor, allowed in WALLS.items():
                if module.split(".")[0] == vendor:
                    assert name.startswith(allowed), f"{name} imports {module}"


def test_importing_the_command_line_loads_no_heavy_library():
    code = (
        "import sys, tutor.cli.main, tutor.cli.ask, tutor.cli.search;"
        "print([m for m in ('torch', 'gradio', 'chromadb', 'llama_index') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(SOURCE.parent), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_every_module_says_what_it_is_for():
    for path, name in files():
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), name
