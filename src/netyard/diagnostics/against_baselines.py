"""A network that is worse than a model without one."""

from __future__ import annotations

import math

from netyard.diagnostics.facts import Diagnosis, Facts, Suggestion
from netyard.diagnostics.margins import difference_of_shares, relative_error
from netyard.metrics.directions import mode_of

SHARES = ("accuracy",)  # of samples, whose interval is that of a proportion
FEWEST = 20  # samples, of which a score says something
FEWEST_ERRORS = (
    6  # more than the baseline has: fewer may be chance, even if the baseline is right wherever the network is
)
AREAS = ("balanced_accuracy", "f1", "average_precision", "auroc", "r2")  # up to 1; a proportion has the same error


def worse_than_a_baseline(facts: Facts) -> Diagnosis | None:
    """The best baseline is better by more than the size of the part leaves open."""
    for metric, values in facts.baselines.items():
        reached, mode = facts.metrics.get(metric, math.nan), mode_of(metric)
        known = {name: value for name, value in values.items() if isinstance(value, int | float)}
        if facts.compared not in (None, metric) or not known or mode is None or not math.isfinite(reached):
            continue
        name = (max if mode == "max" else min)(known, key=lambda each: known[each])
        margin = _margin(facts, metric, reached, known[name])
        better = known[name] - reached if mode == "max" else reached - known[name]
        if margin is not None and better > margin:
            sentence = (
                f"{name} is better than this network: {metric} {known[name]:.4g}, not {reached:.4g}; a difference of"
                f" {margin:.2g} may be chance"
            )
            return Diagnosis("worse_than_a_baseline", sentence, Suggestion("better"))
    return None


def _margin(facts: Facts, metric: str, reached: float, baseline: float) -> float | None:
    """The difference that may be chance; None if that is not known."""
    part, _, name = metric.partition("/")
    count = facts.samples.get(part, 0)
    if name == "return":  # of an agent, whose samples are episodes
        spread, episodes = facts.metrics.get(f"{part}/return_std"), facts.setting(f"data.{part}_episodes")
        return 2 * spread / math.sqrt(episodes) if spread is not None and episodes else None
    if count < FEWEST:
        return None
    if name.endswith(SHARES) or (name in AREAS and min(reached, baseline) >= 0):
        return max(difference_of_shares(reached, baseline, count), (FEWEST_ERRORS - 0.5) / count)
    return relative_error(count, facts.horizon) * abs(reached)
