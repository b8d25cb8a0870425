"""The app in a process of its own, as a reader starts it: `python app.py`."""

import os
import subprocess
import sys
import time
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]


class App:
    """The running app; starting it again keeps its home."""

    def __init__(self, home: Path, corpus: Path, log: Path | None = None) -> None:
        self.home, self.corpus = home, corpus
        self.log_file = log or home / "app.log"
        self.process: subprocess.Popen[str] | None = None
        self.url = self.line = ""

    def start(self, *, ready: bool = True, before: tuple[str, ...] = (), **extra: str) -> None:
        """Start it and wait until questions are answered; `before` is put in front of the command."""
        environment = {
            **os.environ, "TUTOR_HOME": str(self.home), "TUTOR_CORPUS": str(self.corpus), "TUTOR_PORT": "0",
            "TUTOR_CHAT_MODEL": "small", **extra,
        }  # fmt: skip
        self.log = self.log_file.open("w")
        self.process = subprocess.Popen(
            [*before, sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
            stderr=self.log, text=True,
        )  # fmt: skip
        self.line = self.process.stdout.readline()
        assert "http://" in self.line, self.log_file.read_text()
        self.url = self.line.split("at ")[1].split()[0]
        if ready:
            self.wait()

    def wait(self) -> None:
        """Until questions are answered."""
        until = time.monotonic() + 120
        while time.monotonic() < until:
            if httpx.get(self.url + "/healthz", trust_env=False, timeout=20).json()["ready"]:
                return
            time.sleep(0.3)
        raise AssertionError("the app never became ready: " + self.log_file.read_text())

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process.stdout.close()
            self.log.close()
            self.process = None
