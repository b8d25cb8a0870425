"""The folder of all user data: made for its owner alone, and put right where it was made otherwise.

Does not know what is kept in it.
"""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from tutor.errors import ConfigError

log = logging.getLogger(__name__)
PRIVATE = (
    "tutor.db", "tutor.db-wal", "tutor.db-shm", "tutor.db-journal", "tutor.toml", "browser-secret"
)  # fmt: skip
"""What others may not read even where the folder lets them in."""


def make_private(home: Path) -> None:
    """Make the folder, readable by its owner only; what cannot be changed is left as it is.

    Raises:
        ConfigError: it is no folder.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = home.stat()
        if found.st_uid == os.getuid() and not found.st_mode & stat.S_ISVTX and found.st_mode & 0o077:
            home.chmod(0o700)
    except (NotADirectoryError, FileExistsError) as error:
        raise ConfigError(f"{home} is not a folder.", "Point TUTOR_HOME at one.") from error
    except OSError as error:
        log.info("%s is left as it is: %s", home, error)
        return
    for name in PRIVATE:
        close(home / name)


def close(file: Path) -> None:
    """Make a file that is there readable by its owner only."""
    try:
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)
    except FileNotFoundError:
        return
    except OSError as error:
        log.info("%s is left as it is: %s", file, error)


def touch(file: Path) -> None:
    """Make an empty file for its owner alone, where there is none.

    Raises:
        OSError: it cannot be made.
    """
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
