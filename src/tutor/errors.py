"""Every error a reader of Tutor can meet, with its remedy.

Does not know how an error is shown: the command line and the browser app render them.
"""

from __future__ import annotations


class TutorError(Exception):
    """Something failed; `message` says what happened, `hint` what to do next."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".strip()


class SetupError(TutorError):
    """The reader can fix this one (exit code 2)."""


class ConfigError(SetupError):
    """A setting is unknown or out of range."""


class CorpusError(SetupError):
    """A corpus file cannot be read; the message names file and line."""


class IndexMissing(SetupError):
    """There is no index yet."""


class IndexStale(SetupError):
    """The index was built by another chunker or embedder version."""


class ModelMissing(SetupError):
    """A model file is not on this machine."""


class ModelCorrupt(SetupError):
    """A model file does not have the digest it must have."""


class LLMError(TutorError):
    """The chat model gave no usable answer."""


class LLMUnavailable(LLMError):
    """Nothing answers at the endpoint."""


class LLMTimeout(LLMError):
    """The endpoint did not answer in time."""


class LLMRejected(LLMError):
    """The endpoint refused the request."""


class LLMBadOutput(LLMError):
    """The endpoint answered something that cannot be used."""


class RetrievalError(TutorError):
    """The index could not be searched."""


class SessionError(TutorError):
    """A stored conversation cannot be read or written."""


class QuestionError(SetupError):
    """What was typed cannot be used as a question."""
