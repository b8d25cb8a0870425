"""How the fitting scripts print what they fitted. Does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def show(names: Sequence[str], weights: Iterable[float], bias: float | None = None) -> None:
    """Print one weight to a line, and the bias where there is one."""
    wide = max(map(len, names)) + 1
    for name, value in zip(names, weights, strict=True):
        print(f"  {name:<{wide}} {value:+.2f}")
    if bias is not None:
        print(f"  {'bias':<{wide}} {bias:+.2f}")
