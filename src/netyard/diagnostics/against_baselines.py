"""A network that is worse than a model without one."""

from __future__ import annotations

import math
from collections.abc import Mapping

from netyard.diagnostics.facts import Diagnosis, Facts, Suggestion
from netyard.diagnostics.margins import relative_error, share_interval

# Metrics whose larger values are better; of all others smaller ones are.
LARGER = ("accuracy", "balanced_accuracy", "f1", "average_precision", "auroc", "r2", "return", "elbo", "psnr", "ssim")
SHARES = ("accuracy",)  # of samples, whose interval is that of a proportion
AREAS = ("balanced_accuracy", "f1", "average_precision", "auroc", "r2")  # up to 1; a proportion has the same error


def worse_than_a_baseline(facts: Facts) -> Diagnosis | None:
    """The best baseline is outside of the interval of what the network reached."""
    for metric, values in facts.baselines.items():
        reached = facts.metrics.get(metric)
        known = {name: value for name, value in values.items() if isinstance(value, int | float)}
        if reached is None or not known or not math.isfinite(reached):
            continue
        name = _best(metric, known)
        if _is_worse(facts, metric, reached, known[name]):
            sentence = (
                f"{metric} is {reached:.4g}, and {name.replace('_', ' ')}, without a network, has {known[name]:.4g}"
            )
            return Diagnosis("worse_than_a_baseline", sentence, Suggestion("baseline"))
    return None


def _best(metric: str, values: Mapping[str, float]) -> str:
    return (max if _larger(metric) else min)(values, key=lambda name: values[name])


def _larger(metric: str) -> bool:
    return metric.rpartition("/")[2] in LARGER


def _is_worse(facts: Facts, metric: str, reached: float, baseline: float) -> bool:
    part, _, name = metric.partition("/")
    count = facts.samples.get(part, 0)
    if not count:
        return False
    if name in SHARES or (name in AREAS and 0 <= reached <= 1):
        return baseline > share_interval(reached, count)[1]
    margin = relative_error(count, facts.horizon)
    if _larger(metric):
        return baseline - reached > margin * abs(baseline)
    return reached - baseline > margin * abs(baseline)
