"""A chat model at an OpenAI-compatible address, through LlamaIndex.

Every exception of a vendor is translated here, once. Does not know where the address comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from math import exp
from typing import Any

from tutor.errors import LLMBadOutput, LLMError, LLMRejected, LLMTimeout, LLMUnavailable
from tutor.llm.base import Message


class OpenAIChatModel:
    """Any OpenAI-compatible endpoint; `extra_body` goes with each request as it is."""

    def __init__(
        self, name: str, base_url: str, api_key: str, timeout_s: float, *, context_window: int = 4096
    ) -> None:
        self._name, self._base_url, self._api_key = name, base_url, api_key
        self._timeout_s, self._context_window = timeout_s, context_window

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self._name

    def stream(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        on_progress: Callable[[float], None] | None = None,
        cancelled: Callable[[], bool] | None = None,
        extra_body: dict[str, Any] | None = None,
    ) -> Iterator[str]:
        """Text as it comes; closing the iterator closes the request.

        Raises:
            LLMError: the endpoint is down, too slow, refuses, or answers nonsense.
        """
        import httpx
        import openai

        model, chat = self._model(max_tokens, extra_body), chat_of(messages)
        stream = None
        try:
            stream = model.stream_chat(chat)
            for part in stream:
                if cancelled and cancelled():
                    return
                share = progress_of(part)
                if share is not None and on_progress:
                    on_progress(share)
                    yield ""
                if part.delta:
                    yield part.delta
        except (openai.OpenAIError, httpx.HTTPError, httpx.StreamError) as error:
            raise translated(error) from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise LLMBadOutput(f"The chat model's reply cannot be read ({error})") from error
        finally:
            if stream is not None and hasattr(stream, "close"):
                stream.close()

    def judge(self, messages: Sequence[Message], extra_body: dict[str, Any] | None = None) -> float | None:
        """Probability (0..1) that the reply begins with yes rather than no, from the first token's
        log-probabilities; None where the endpoint reports none.

        Raises:
            LLMError: the endpoint is down, too slow, refuses, or answers nonsense.
        """
        import httpx
        import openai

        model = self._model(1, extra_body, logprobs=True, top_logprobs=10)
        try:
            return yes_of(model.chat(chat_of(messages)).raw)
        except (openai.OpenAIError, httpx.HTTPError) as error:
            raise translated(error) from error
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise LLMBadOutput(f"The chat model's reply cannot be read ({error})") from error

    def _model(self, max_tokens: int, extra_body: dict[str, Any] | None, **more: Any) -> Any:
        from llama_index.llms.openai_like import OpenAILike

        return OpenAILike(
            model=self._name, api_base=self._base_url, api_key=self._api_key or "none",
            is_chat_model=True, is_function_calling_model=False, context_window=self._context_window,
            max_tokens=max_tokens, timeout=self._timeout_s, max_retries=0, temperature=0.0, http_client=self._http,
            additional_kwargs={"seed": 0, **more, **({"extra_body": extra_body} if extra_body else {})},
        )  # fmt: skip

    @cached_property
    def _http(self) -> Any:
        """One client for all requests: making one reads the machine's certificates, 60 ms of work."""
        import httpx

        return httpx.Client(timeout=self._timeout_s)

    def prepare(self, prefix: Sequence[Message]) -> None:
        """Nothing: a remote endpoint keeps its own cache."""

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def chat_of(messages: Sequence[Message]) -> list[Any]:
    """Messages in LlamaIndex's form."""
    from llama_index.core.base.llms.types import ChatMessage

    return [ChatMessage(role=message.role, content=message.content) for message in messages]


def yes_of(raw: Any) -> float | None:
    """Share of yes among the yes and no of the first token's candidates; None where there are neither."""
    held = raw.choices[0].logprobs
    if held is None or not held.content:
        return None
    yes = no = 0.0
    for candidate in held.content[0].top_logprobs:
        word = candidate.token.strip().lower()
        yes += exp(candidate.logprob) if word == "yes" else 0.0
        no += exp(candidate.logprob) if word == "no" else 0.0
    return yes / (yes + no) if yes + no else None


def progress_of(part: Any) -> float | None:
    """Share of the prompt read so far, where the server reports it."""
    extra = getattr(part.raw, "model_extra", None) or {}
    report = extra.get("prompt_progress")
    if not report:
        return None
    cached = report.get("cache", 0)
    return float((report["processed"] - cached) / max(1, report["total"] - cached))


def translated(error: Exception) -> LLMError:
    """A vendor's exception as one of ours."""
    import httpx
    import openai

    if isinstance(error, (openai.APITimeoutError, httpx.TimeoutException)):
        return LLMTimeout("The chat model did not answer in time", "Try again, or a smaller model.")
    if isinstance(error, (openai.APIConnectionError, httpx.HTTPError, httpx.StreamError)):
        return LLMUnavailable("The chat model cannot be reached", "Check that it runs.")
    if isinstance(error, openai.APIStatusError):
        if error.status_code >= 500:
            return LLMUnavailable(f"The chat model failed (status {error.status_code})")
        hint = {401: "Check TUTOR_LLM_API_KEY.", 404: "Check TUTOR_CHAT_MODEL and TUTOR_LLM_BASE_URL."}
        return LLMRejected(
            f"The chat model refused the request (status {error.status_code})",
            hint.get(error.status_code, ""),
        )
    return LLMBadOutput("The chat model's reply cannot be read")
