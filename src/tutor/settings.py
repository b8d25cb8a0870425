"""The settings: one frozen object, read once at the edge and passed down.

Does not know who uses a value. Precedence: flag > environment (`TUTOR_…`) > `tutor.toml` in the current folder >
`tutor.toml` in the home > default. A folder that somebody merely stands in is not trusted: its file may set only what
carries no secret, names no address and leads to no code.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tutor.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[2]
FILE = "tutor.toml"
ANYWHERE = {"corpus", "llm_threads", "llm_timeout_s", "port", "prompt_cache_mb", "threads"}
"""What a `tutor.toml` in the current folder may set."""
SECRET_PARAMETER = re.compile(r"([?&;][^=&;]*(?:pass|pwd|secret|token|key|auth|sig|cred)[^=&;]*=)[^&;]*", re.I)


class Settings(BaseSettings):
    """Everything a reader may set; every field has a default that works."""

    model_config = SettingsConfigDict(env_prefix="TUTOR_", env_ignore_empty=True, extra="forbid", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path.home() / ".tutor",
        description="Folder of all user data: models, index, prompt states, conversations.",
    )
    corpus: Path = Field(
        default=PROJECT / "corpus" / "guide", description="Folder of Markdown files to answer from."
    )
    chat_model: str = Field(
        default="default",
        description="Embedded chat model: `default` (1.5B), `small` (0.5B), a path to a GGUF file,"
        " or the model's name at `llm_base_url`.",
    )
    llm_base_url: str = Field(
        default="",
        description="OpenAI-compatible endpoint, such as `http://127.0.0.1:11434/v1`;"
        " empty uses the embedded model.",
    )
    llm_api_key: SecretStr = Field(
        default=SecretStr(""), description="Key for `llm_base_url`, where it wants one."
    )
    llm_timeout_s: float = Field(
        default=60.0, gt=0, le=600, description="Seconds to wait for the chat model."
    )
    llm_threads: int = Field(default=2, ge=1, le=64, description="CPU threads of the embedded chat model.")
    threads: int = Field(
        default=2, ge=1, le=64, description="CPU threads of the embedding model and the verifier."
    )
    prompt_cache_mb: int = Field(
        default=1024, ge=0, description="Disk budget for compiled prompt states, in MB; 0 keeps none."
    )
    chroma_url: str = Field(
        default="", description="Address of a Chroma server; empty keeps vectors in `home`."
    )
    database_url: str = Field(
        default="", description="SQLAlchemy URL of the conversations; empty is SQLite in `home`."
    )
    host: str = Field(default="127.0.0.1", description="Address the browser app listens on.")
    password: SecretStr = Field(
        default=SecretStr(""),
        description="Password of the browser app, at least 8 characters; needed where `host` is not this machine alone.",
    )
    port: int = Field(default=7860, ge=0, le=65535, description="Port of the browser app; 0 picks one.")
    allowed_hosts: str = Field(
        default="", description="Further host names the browser app answers to, comma-separated."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order of precedence, highest first; the files come in through `load_settings`."""
        return init_settings, env_settings

    @field_validator("password")
    @classmethod
    def long_enough(cls, value: SecretStr) -> SecretStr:
        """A password that can be guessed is none."""
        if 0 < len(value.get_secret_value()) < 8:
            raise ValueError("it is shorter than 8 characters")
        return value

    @property
    def models_dir(self) -> Path:
        """Where verified model files are kept."""
        return self.home / "models"

    @property
    def index_dir(self) -> Path:
        """Where built indexes are kept."""
        return self.home / "index"

    @property
    def state_dir(self) -> Path:
        """Where compiled prompt states are kept."""
        return self.home / "prompt-states"


def load_settings(**flags: Any) -> Settings:
    """Read the settings; `flags` that are not None win.

    Raises:
        ConfigError: a key is unknown, a value is out of range, or a file sets what it may not.
    """
    named = {name[6:].lower() for name, value in os.environ.items() if name.upper().startswith("TUTOR_") and value}
    unknown = sorted(named - set(Settings.model_fields))
    if unknown:
        raise ConfigError(
            f"Unknown setting TUTOR_{unknown[0].upper()}.", "`tutor doctor --settings` lists every setting."
        )
    given = {key: value for key, value in flags.items() if value is not None}
    held = {key: value for key, (value, _) in from_files(given.get("home")).items() if key not in named}
    try:
        return Settings(**{**held, **given})
    except ValidationError as error:
        raise ConfigError(wrong(error), "See the table in README.md.") from error


def wrong(error: ValidationError) -> str:
    """Which setting is wrong and why, in one line that repeats no value."""
    found = error.errors(include_input=False, include_url=False)[0]
    name = ".".join(map(str, found["loc"])) or "A setting"
    reason = found["msg"].removeprefix("Value error, ")
    return f"TUTOR_{name.upper()} is wrong: {reason[0].lower()}{reason[1:]}."


def from_files(home: Path | None = None) -> dict[str, tuple[Any, Path]]:
    """What the `tutor.toml` of the home and of the current folder set: name to (value, file).

    Raises:
        ConfigError: a file cannot be read, names an unknown setting, or one that may not stand there.
    """
    folder = Path(home or os.environ.get("TUTOR_HOME") or Path.home() / ".tutor")
    own, here = folder / FILE, Path(FILE)
    held = {key: (value, own) for key, value in from_file(own).items()}
    if "home" in held:
        raise ConfigError(f"{own} cannot set `home`.", "Set TUTOR_HOME in the environment.")
    if not same(own, here):
        local = from_file(here)
        refused = sorted(set(local) - ANYWHERE)
        if refused:
            raise ConfigError(
                f"{here.absolute()} may not set `{refused[0]}`: any folder could.",
                f"Set it in {own} or as TUTOR_{refused[0].upper()}.",
            )
        held.update({key: (value, here) for key, value in local.items()})
    return held


def from_file(file: Path) -> dict[str, Any]:
    """The settings of one file; none where it is not there."""
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file.absolute()} cannot be read: {error}.", "Correct or remove it.") from error
    unknown = sorted(set(read) - set(Settings.model_fields))
    if unknown:
        raise ConfigError(f"Unknown setting `{unknown[0]}` in {file.absolute()}.", "See the table in README.md.")
    return read


def same(one: Path, other: Path) -> bool:
    """Whether two paths are one file."""
    try:
        return one.samefile(other)
    except OSError:
        return False


def masked(url: str) -> str:
    """An address without what is secret in it: a password, a bare token before the @, keys among its parameters."""
    scheme, split, rest = url.partition("://") if "://" in url else ("", "", url)
    user, at, place = rest.rpartition("@")
    if at:
        name, colon, _ = user.partition(":")
        hidden = scheme in ("", "http", "https") and not colon
        user = f"{name}:********" if colon else ("********" if hidden else user)
    return SECRET_PARAMETER.sub(r"\1********", f"{scheme}{split}{user}{at}{place}")
