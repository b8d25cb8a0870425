"""`tutor eval`: runs the eval sets of this repository. Does not know how they are scored.

The evals are a client of the package and lie beside it, so they run in a process of their own. Those of any other
folder, the current one too, are somebody else's code and are not run.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import typer

from tutor.cli.main import app, reported
from tutor.errors import ConfigError
from tutor.settings import PROJECT

PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


@app.command("eval", context_settings=PASSED_ON, add_help_option=False)
@reported
def evaluate(context: typer.Context) -> None:
    """Run the eval sets: tutor eval [SET ...] [--json PATH] [--html PATH] [--junit PATH] [--baseline PATH]."""
    if not (PROJECT / "evals" / "run.py").is_file():
        raise ConfigError("The evals are not installed.", "Run the `tutor` of a checkout of the repository.")
    command = [sys.executable, "-m", "evals.run", *absolute(context.args)]
    raise typer.Exit(subprocess.run(command, cwd=PROJECT).returncode)


def absolute(arguments: list[str]) -> list[str]:
    """Paths after options made absolute, since the evals run in the repository's folder."""
    paths = ("--json", "--html", "--junit", "--baseline", "--markdown", "--rescore")
    return [
        str(Path(value).absolute()) if before in paths else value
        for before, value in zip(["", *arguments], arguments, strict=False)
    ]
