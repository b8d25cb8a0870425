"""What may be asked: cleans what was typed, or says what is wrong with it.

Does not know the guide.
"""

from __future__ import annotations

import re
import unicodedata

from tutor.errors import QuestionError

MAX_CHARACTERS = 2000


def clean(text: str) -> str:
    """The question on one line, without control characters.

    Raises:
        QuestionError: nothing is left, or it is too long.
    """
    kept = "".join(
        " " if unicodedata.category(char) in {"Cc", "Zl", "Zp"} else char
        for char in text
        if unicodedata.category(char) not in {"Cf", "Cs", "Co", "Cn"}
    )
    kept = re.sub(r"\s+", " ", kept).strip()
    if not re.search(r"\w", kept):
        raise QuestionError("There is no question in that.", "Type a question in plain words.")
    if len(kept) > MAX_CHARACTERS:
        raise QuestionError(
            f"That is {len(kept):,} characters; a question may have {MAX_CHARACTERS:,}.",
            "Ask about one thing at a time.",
        )
    return kept
