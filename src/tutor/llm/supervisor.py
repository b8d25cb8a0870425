"""Starts, watches and restarts the embedded server's process. Does not know prompts."""

from __future__ import annotations

import json
import logging
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

from tutor.errors import LLMUnavailable

SLOTS = 2
CONTEXT = 4096
START_TIMEOUT_S = 90.0
RESTARTS = 3
RESTART_WINDOW_S = 180.0
log = logging.getLogger(__name__)


class EmbeddedServer:
    """One llama.cpp server in a child process: loopback, random key, gone when this process is."""

    def __init__(
        self, model: Path, threads: int, states: Path, log_file: Path, *, context: int = CONTEXT
    ) -> None:
        self.model, self.threads, self.states, self.log_file = model, threads, states, log_file
        self.context = context
        self.key = secrets.token_urlsafe(24)
        self.url = ""
        self.generation = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._starts: list[float] = []
        self._scratch: tempfile.TemporaryDirectory[str] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the running child."""
        return self._child.pid if self._child and self._child.poll() is None else None

    def address(self) -> str:
        """The server's address, started or restarted where needed.

        Raises:
            LLMUnavailable: it does not start, or crashed too often.
        """
        with self._lock:
            if not self._answers():
                self._start()
            return self.url

    def _answers(self) -> bool:
        """Whether the child runs and takes connections; one that is just dying is waited for."""
        child = self._child
        if child is None or child.poll() is not None:
            return False
        try:
            socket.create_connection(("127.0.0.1", int(self.url.rsplit(":", 1)[1])), timeout=5).close()
        except OSError:
            child.kill()
            child.wait()
            return False
        return True

    def gone(self, within_s: float = 2.0) -> bool:
        """Whether the child has ended or is about to: a killed one may take connections to the last."""
        child = self._child
        if child is None:
            return True
        try:
            child.wait(within_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def _start(self) -> None:
        now = time.monotonic()
        self._starts = [at for at in self._starts if now - at < RESTART_WINDOW_S]
        if len(self._starts) > RESTARTS:
            raise LLMUnavailable(
                "The chat model crashed several times and rests for a few minutes",
                f"See {self.log_file}.",
            )
        self._starts.append(now)
        self._make_room()
        config = {
            "model": str(self.model), "key": self.key, "threads": self.threads, "n_ctx": self.context,
            "slots": SLOTS, "states": str(self.states),
        }  # fmt: skip
        with self._log() as errors:
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "tutor.llm.child"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
            )  # fmt: skip
        assert child.stdin and child.stdout
        child.stdin.write(json.dumps(config).encode() + b"\n")
        child.stdin.flush()
        said = first_line(child, child.stdout)
        if "url" not in said:
            child.kill()
            child.wait()
            raise LLMUnavailable(
                f"The chat model did not start: {said.get('error') or self._tail()}",
                "Run `tutor models verify`.",
            )
        self._child, self.url = child, str(said["url"])
        self.generation += 1
        log.info("chat model ready after %.1f s", time.monotonic() - now)

    def _make_room(self) -> None:
        """Make the folders; where the home cannot be written, states last as long as this process."""
        try:
            self.states.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            log.warning("compiled prompts cannot be kept in %s: %s", self.states, error)
            self._scratch = tempfile.TemporaryDirectory(prefix="tutor-", ignore_cleanup_errors=True)
            self.states = Path(self._scratch.name)

    def _log(self) -> IO[bytes]:
        """Where the child writes what is wrong; nowhere, if the home cannot be written."""
        try:
            self.log_file.parent.mkdir(parents=True, exist_ok=True)
            return self.log_file.open("wb")
        except OSError as error:
            log.warning("%s cannot be written: %s", self.log_file, error)
            return open(os.devnull, "wb")

    def _tail(self) -> str:
        """The last line the child wrote to its log."""
        try:
            lines = self.log_file.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        return lines[-1][:200] if lines else "no reason given"

    def stop(self) -> None:
        """End the child and wait for it."""
        with self._lock:
            child, self._child = self._child, None
        if child is None:
            return
        if child.stdin:
            child.stdin.close()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if child.stdout:
            child.stdout.close()


def first_line(child: subprocess.Popen[bytes], stream: IO[bytes]) -> dict[str, Any]:
    """The child's first line of JSON; empty when it ends or takes too long."""
    timer = threading.Timer(START_TIMEOUT_S, child.kill)
    timer.start()
    try:
        for line in stream:
            if line.lstrip().startswith(b"{"):
                said: dict[str, Any] = json.loads(line)
                return said
        return {}
    except ValueError:
        return {}
    finally:
        timer.cancel()
