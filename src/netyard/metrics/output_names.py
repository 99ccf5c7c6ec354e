"""Names of outputs in tables of predictions and in metrics."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

SEPARATOR = "|"
"""Between the labels of a sample."""


def label_lists(decisions: Tensor, names: Sequence[str]) -> list[str]:
    """The labels of each sample as one text, ``a|b``, empty for none: bool (B, L) -> B texts."""
    return [SEPARATOR.join(names[number] for number in row.nonzero().flatten().tolist()) for row in decisions]


def target_suffixes(count: int, names: Sequence[str]) -> list[str]:
    """What is added to the name of a column for each of several targets: ``_x``, or ``_1`` without names."""
    if count == 1:
        return [""]
    return [f"_{name}" for name in (names if len(names) == count else range(1, count + 1))]


def metric_name(name: str) -> str:
    """The name of a label or target in that of a metric, where a slash separates the stage."""
    return name.replace("/", "_")
