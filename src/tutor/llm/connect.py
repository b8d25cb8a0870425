"""Which chat model the settings ask for. Does not start it."""

from __future__ import annotations

from importlib.metadata import version

from tutor import models
from tutor.llm.base import ChatModel
from tutor.llm.client import OpenAIChatModel
from tutor.llm.embedded import EmbeddedChatModel
from tutor.llm.states import StateFolder
from tutor.llm.supervisor import CONTEXT, SLOTS, EmbeddedServer
from tutor.settings import Settings


def connect(settings: Settings) -> ChatModel:
    """The endpoint of the settings, or else the embedded model.

    Raises:
        ModelMissing, ModelCorrupt: the embedded model's file is not usable.
    """
    if settings.llm_base_url:
        return OpenAIChatModel(
            settings.chat_model, settings.llm_base_url, settings.llm_api_key.get_secret_value(),
            settings.llm_timeout_s, context_window=8192,
        )  # fmt: skip
    file = models.resolve(settings.chat_model, settings)
    weights = models.MODELS.get(settings.chat_model)
    digest = weights.sha256 if weights else str(models.stamp_of(file)) + str(file)
    states = StateFolder(
        settings.state_dir,
        f"{digest}:{version('xllamacpp')}:{CONTEXT}:{SLOTS}",
        settings.prompt_cache_mb * 1_000_000,
    )
    server = EmbeddedServer(
        file, settings.llm_threads, settings.state_dir, settings.home / "logs" / "chat-model.log"
    )
    return EmbeddedChatModel(file.stem, server, states, settings.llm_timeout_s)
