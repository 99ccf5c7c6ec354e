"""A network that is worse than a model without one."""

from __future__ import annotations

import math

from netyard.diagnostics.facts import Diagnosis, Facts, Suggestion
from netyard.diagnostics.margins import relative_error, share_interval
from netyard.metrics.directions import mode_of

SHARES = ("accuracy",)  # of samples, whose interval is that of a proportion
AREAS = ("balanced_accuracy", "f1", "average_precision", "auroc", "r2")  # up to 1; a proportion has the same error


def worse_than_a_baseline(facts: Facts) -> Diagnosis | None:
    """The best baseline is outside of the interval of what the network reached."""
    for metric, values in facts.baselines.items():
        reached, interval = facts.metrics.get(metric, math.nan), _interval(facts, metric)
        known = {name: value for name, value in values.items() if isinstance(value, int | float)}
        mode = mode_of(metric)
        if interval is None or not known or mode is None:
            continue
        larger = mode == "max"
        name = (max if larger else min)(known, key=lambda each: known[each])
        low, high = interval
        if known[name] > high if larger else known[name] < low:
            part, count = metric.partition("/")[0], facts.samples.get(metric.partition("/")[0], 0)
            sentence = (
                f"{name} is better than this network beyond what {count:,} {part} samples leave open: it has {metric}"
                f" {known[name]:.4g}, and {reached:.4g} lies between {low:.4g} and {high:.4g}"
            )
            return Diagnosis("worse_than_a_baseline", sentence, Suggestion("better"))
    return None


def _interval(facts: Facts, metric: str) -> tuple[float, float] | None:
    """The values that a metric of the network may have on other samples; None if that is not known."""
    part, _, name = metric.partition("/")
    reached, count = facts.metrics.get(metric, math.nan), facts.samples.get(part, 0)
    if not math.isfinite(reached):
        return None
    if name == "return":  # of an agent, whose samples are episodes
        spread, episodes = facts.metrics.get(f"{part}/return_std"), facts.setting(f"data.{part}_episodes")
        half = 2 * spread / math.sqrt(episodes) if spread is not None and episodes else None
    elif not count:
        return None
    elif name.endswith(SHARES) or (name in AREAS and 0 <= reached <= 1):
        return share_interval(reached, count)
    else:
        half = relative_error(count, facts.horizon) * abs(reached)
    return None if half is None else (reached - half, reached + half)
