"""Compiled prompt prefixes on disk: named by what they depend on, bounded, least recently used out.

Does not know how a state is made.
"""

from __future__ import annotations

import hashlib
import logging
import os
import uuid
from pathlib import Path

log = logging.getLogger(__name__)


class StateFolder:
    """State files of one model and engine; several processes may share the folder."""

    def __init__(self, folder: Path, fingerprint: str, budget_bytes: int) -> None:
        self.folder, self.fingerprint, self.budget_bytes = folder, fingerprint, budget_bytes

    def name(self, prefix: str) -> str:
        """File name of a prefix: changes with its text, the model or the engine."""
        return hashlib.sha256(f"{self.fingerprint}\0{prefix}".encode()).hexdigest()[:32] + ".state"

    def has(self, prefix: str) -> bool:
        """Whether the prefix is compiled."""
        return (self.folder / self.name(prefix)).is_file()

    def used(self, prefix: str) -> None:
        """Mark as used just now."""
        try:
            os.utime(self.folder / self.name(prefix))
        except OSError:  # gone, or in a folder that cannot be written
            return

    def pending(self) -> str:
        """A file name to save under before `commit`."""
        return f"pending-{uuid.uuid4().hex[:12]}"

    def commit(self, pending: str, prefix: str) -> None:
        """Move a saved state in and drop the least recently used ones over the budget."""
        os.replace(self.folder / pending, self.folder / self.name(prefix))
        self.trim()

    def drop(self, prefix: str) -> None:
        """Remove a state that could not be used."""
        try:
            (self.folder / self.name(prefix)).unlink(missing_ok=True)
        except OSError as error:
            log.info("a compiled prompt stays: %s", error)

    def trim(self) -> None:
        """Keep the folder within its budget."""
        held = []
        for file in self.folder.glob("*.state"):
            try:
                stat = file.stat()
            except FileNotFoundError:
                continue
            held.append((stat.st_mtime, stat.st_size, file))
        total = sum(size for _, size, _ in held)
        for _, size, file in sorted(held, key=lambda entry: entry[0]):
            if total <= self.budget_bytes:
                return
            file.unlink(missing_ok=True)
            total -= size
