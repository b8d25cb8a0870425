"""The settings: one frozen object, read once at the edge and passed down.

Does not know who uses a value. Precedence: flag > environment (`TUTOR_…`) > `tutor.toml` > default.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from tutor.errors import ConfigError

PROJECT = Path(__file__).resolve().parents[2]


class Settings(BaseSettings):
    """Everything a reader may set; every field has a default that works."""

    model_config = SettingsConfigDict(
        env_prefix="TUTOR_", extra="forbid", frozen=True, toml_file="tutor.toml"
    )

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
        """Order of precedence, highest first."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

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
        ConfigError: a key is unknown or a value is out of range.
    """
    unknown = [
        name
        for name in os.environ
        if name.startswith("TUTOR_") and name[6:].lower() not in Settings.model_fields
    ]
    if unknown:
        raise ConfigError(f"Unknown setting {unknown[0]}.", "`tutor doctor --settings` lists every setting.")
    try:
        return Settings(**{key: value for key, value in flags.items() if value is not None})
    except (ValidationError, ValueError) as error:
        raise ConfigError(f"A setting is wrong: {error}", "See the table in README.md.") from error
