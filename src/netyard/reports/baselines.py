"""What models without a network reach, for leaderboards and pages: values of ``baselines`` in ``results.json``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from netyard.metrics.directions import mode_of
from netyard.metrics.intervals import mean
from netyard.run_directories.data_set import SPLIT
from netyard.run_directories.records import Run

SPLITTING = (*(f"data.{name}" for name in SPLIT), "data.fold")


@dataclass(frozen=True)
class Baseline:
    """A model without a network: its values of each metric, one for each split of the data that they differ on."""

    name: str
    scores: dict[str, list[float]] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The name as it stands in a table among networks."""
        return f"baseline: {self.name}"

    def values(self, name: str) -> list[float]:
        """The values of a metric; none if it does not have it."""
        return self.scores.get(name, [])


def baselines_of(runs: Iterable[Run], first: Sequence[str] = ()) -> list[Baseline]:
    """Return the baselines of runs on one data set, best first.

    Runs on the same split have the same baselines, which are counted once. Those of several splits (folds) are several
    values; those of several seeds too, where they differ (episodes of an agent).

    Args:
        runs: the latest of a split is the one that counts.
        first: metrics to sort by, the most important first; others follow.
    """
    # name -> metric -> split -> seed -> value
    scored: dict[str, dict[str, dict[tuple[str, ...], dict[str, float]]]] = {}
    modes: dict[str, str | None] = {}
    for run in sorted(runs, key=lambda run: run.ended):
        split = tuple(str(run.value(key)) for key in SPLITTING)
        for metric, values in run.baselines.items():
            modes.setdefault(metric, direction(metric, run))
            for name, value in values.items():
                of_metric = scored.setdefault(name, {}).setdefault(metric, {})
                of_metric.setdefault(split, {})[str(run.value("seed"))] = value
    baselines = [
        Baseline(
            name,
            {
                metric: _distinct([value for seeds in splits.values() for value in _distinct([*seeds.values()])])
                for metric, splits in metrics.items()
            },
        )
        for name, metrics in scored.items()
    ]
    order = [metric for metric in dict.fromkeys([*first, *modes]) if modes.get(metric) is not None]

    def key(baseline: Baseline) -> list[float]:
        return [
            (-1 if modes[metric] == "max" else 1) * mean(found) if (found := baseline.values(metric)) else math.inf
            for metric in order
        ]

    return sorted(baselines, key=key)


def best_of(values: Mapping[str, float], mode: str | None) -> str | None:
    """Return the name of the best baseline; None if there is none, or no direction of the metric."""
    if mode is None or not values:
        return None
    return (max if mode == "max" else min)(values, key=values.__getitem__)


def direction(metric: str, run: Run) -> str | None:
    """Return ``max`` or ``min``: what a run says of this metric, or what its name says; None if neither does."""
    stem = metric.partition("/")[2]
    said = (each for each in (run.compared, *run.objectives) if each is not None)
    return next((each.mode for each in said if each.name.partition("/")[2] == stem), mode_of(metric))


def main_metric(run: Run) -> str | None:
    """Return the metric that a run is compared with its baselines by; None if it has none of theirs."""
    stems = [each.name.partition("/")[2] for each in run.objectives[:1]]
    wanted = [*(each.name for each in [run.compared] if each), *(f"test/{stem}" for stem in stems), *run.baselines]
    shared = (metric for metric in wanted if metric in run.baselines and metric in run.scores)
    return next((metric for metric in shared if direction(metric, run)), None)


def remark_on(run: Run, shown: Callable[[float], str]) -> str:
    """Return a sentence on the network and the best baseline; empty if they have no metric in common."""
    metric = main_metric(run)
    if metric is None or (best := best_of(run.baselines[metric], direction(metric, run))) is None:
        return ""
    value, other = run.scores[metric], run.baselines[metric][best]
    if value == other:
        return f"The {metric} of the network, {shown(value)}, is that of the best baseline, {best}."
    better = (value > other) == (direction(metric, run) == "max")
    return (
        f"The {metric} of the network, {shown(value)}, is {'better' if better else 'worse'} than that of the best"
        f" baseline, {best} with {shown(other)}."
    )


def charts_of(run: Run, shown: Callable[[float], str], errors: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return a bar chart of the network and its baselines for each metric with a better end, the main one first.

    Args:
        run: with baselines.
        shown: formats a value.
        errors: standard errors of the main metric by name, where they are known.
    """
    main = main_metric(run)
    return [
        _chart(run, metric, shown, errors if metric == main else {})
        for metric in sorted(run.baselines, key=lambda metric: metric != main)
        if direction(metric, run) is not None
    ]


def _chart(run: Run, metric: str, shown: Callable[[float], str], errors: Mapping[str, float]) -> dict[str, Any]:
    """Bars from zero, best first."""
    mode = direction(metric, run)
    found = [(name, value, False) for name, value in run.baselines[metric].items()]
    if metric in run.scores:
        found.insert(0, (str(run.value("model")), run.scores[metric], True))
    found.sort(key=lambda each: each[1], reverse=mode == "max")
    low, high = (end([0.0, *(value for _, value, _ in found)]) for end in (min, max))
    whole = (high - low) or 1.0
    bars = [
        {
            "name": name,
            "own": own,
            "text": shown(value) + (f" ± {errors[name]:.2g}" if errors.get(name) and not own else ""),
            "start": f"{100 * (min(value, 0.0) - low) / whole:.2f}",
            "width": f"{100 * abs(value) / whole:.2f}",
        }
        for name, value, own in found
    ]
    return {"metric": metric, "direction": "higher" if mode == "max" else "lower", "bars": bars}


def _distinct(values: list[float]) -> list[float]:
    same = all(math.isclose(value, values[0], rel_tol=1e-9, abs_tol=1e-12) for value in values)
    return values[:1] if same else values
