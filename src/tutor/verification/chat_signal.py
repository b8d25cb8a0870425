"""The chat model's yes or no on "does the source support the claim?", as one more signal of the verifier.

Informative, and weak alone: it is one number beside the others. Does not know how it is weighed.
"""

from __future__ import annotations

from collections.abc import Callable

from tutor.llm.base import ChatModel, Message

Opinion = Callable[[str, str], float | None]
"""(passage, claim) to a probability of yes (0..1); None where the endpoint reports none."""
SYSTEM = "You check claims against a source. Answer with one word: yes or no."


def opinion_of(model: ChatModel) -> Opinion:
    """The model's opinion on a pair; what fails raises LLMError, never a number."""

    def opinion(passage: str, claim: str) -> float | None:
        user = f"Source: {passage}\nClaim: {claim}\nDoes the source support every part of the claim?"
        return model.judge([Message("system", SYSTEM), Message("user", user)])

    return opinion
