"""Checks of a classification: one class only, hardly better than the most frequent one."""

from __future__ import annotations

from netyard.diagnostics.facts import Diagnosis, Facts, again
from netyard.diagnostics.margins import share_interval

IMBALANCED = 0.6  # share of the most frequent class
HALF = 0.5  # of the way from chance to 1, for the balanced accuracy
UNEVEN = 1.5  # factor of an equal share, above which one class may be predicted because it is frequent


def one_class(facts: Facts) -> Diagnosis | None:
    """All test samples were predicted as one class, although they are of several."""
    if facts.predicted_class is None:
        return None
    sentence = (
        f"class {facts.predicted_class} was predicted for every test sample, although they are of several classes"
    )
    majority, rate = facts.majority, facts.setting("optimizer.lr")
    if majority is not None and majority * len(facts.classes) > UNEVEN and _unweighted(facts):
        return Diagnosis("one_class", sentence, again("loss.class_weights=balanced"))
    if isinstance(rate, int | float):
        return Diagnosis("one_class", sentence, again(f"optimizer.lr={rate / 10:.3g}"))
    return None


def like_the_majority(facts: Facts) -> Diagnosis | None:
    """The accuracy is the share of the most frequent class, within its interval, and the balanced one shows it."""
    majority = facts.majority
    part = "test" if "test/accuracy" in facts.metrics else "val"
    accuracy, balanced = (facts.metrics.get(f"{part}/{name}") for name in ("accuracy", "balanced_accuracy"))
    count = facts.samples.get(part, 0)
    if majority is None or majority < IMBALANCED or accuracy is None or balanced is None or not count:
        return None
    chance = 1 / len(facts.classes)
    low, _ = share_interval(accuracy, count)
    if low > majority or balanced >= chance + HALF * (1 - chance) or not _unweighted(facts):
        return None
    sentence = (
        f"{part}/accuracy {accuracy:.4g} is little more than the {majority:.4g} of the most frequent class;"
        f" {part}/balanced_accuracy is {balanced:.4g}, by chance {chance:.4g}"
    )
    return Diagnosis("like_the_majority", sentence, again("loss.class_weights=balanced"))


def _unweighted(facts: Facts) -> bool:
    """Whether the classes can be weighted, and neither weights nor a sampler do so."""
    loss = facts.setting("loss", {})
    sampler = facts.setting("data.sampler", "uniform")
    return "class_weights" in loss and loss["class_weights"] is None and sampler == "uniform"
