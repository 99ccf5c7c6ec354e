"""The name of a job: what varies of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.sweeps.search.axes import settings


def job_name(overrides: Sequence[str], axes: Collection[str]) -> str:
    """What the axes of a sweep are in a job, as ``model=mlp optimizer.lr=0.1``; empty without axes."""
    found: dict[str, str] = {}
    for text in overrides:
        key, _, value = text.partition("=")
        # Only mappings are parsed, which takes milliseconds: +model={activation:relu} is model.activation=relu.
        within = settings(OverridesParser.create().parse_override(text)) if value.startswith("{") else {}
        found |= within or {key.lstrip("+"): value}
    return " ".join(f"{key}={value}" for key, value in found.items() if key in axes)
