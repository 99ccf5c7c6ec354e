"""The kinds of data and task that have baselines, and the module of each, which is imported at its first use.

A module of a kind has three members::

    VERSION = 1
    def settings(task, data) -> dict      # what the values depend on besides the samples; part of the cache's key
    def scores(task, data, stage) -> Scores

``scores`` fits on the training part, tunes on the validation part alone, and scores the part ``stage`` once. Modules
import scikit-learn inside of functions: to find values in the cache a module is imported, and scikit-learn need not be.
"""

from __future__ import annotations

import importlib
from typing import Any, Protocol, cast

from netyard.baselines.scores import Scores

KINDS: dict[str, str] = {
    "agents": "netyard.baselines.agents",
    "anomalies": "netyard.baselines.anomalies",
    "classes": "netyard.baselines.classes",
    "codes": "netyard.baselines.codes",
    "densities": "netyard.baselines.densities",
    "labels": "netyard.baselines.labels",
    "numbers": "netyard.baselines.numbers",
    "pairs": "netyard.baselines.pairs",
    "series": "netyard.baselines.series",
    "tokens": "netyard.baselines.ngrams",
}
"""Module of each ``HasBaselines.baseline_kind``."""


class Kind(Protocol):
    """A module of a kind."""

    VERSION: int
    """Part of the cache's key: raised when values change."""

    def settings(self, task: Any, data: Any) -> dict[str, Any]: ...

    def scores(self, task: Any, data: Any, stage: str) -> Scores: ...


def kind_of(name: str) -> Kind | None:
    """The module of a kind; None for a name that is none."""
    return cast(Kind, importlib.import_module(KINDS[name])) if name in KINDS else None
