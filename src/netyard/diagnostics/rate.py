"""Checks of the learning rate: too large, so that the loss jumps or grows; far too small."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean
from typing import NamedTuple

from netyard.diagnostics.facts import Diagnosis, Facts, again

WORSE = 0.05  # above the first epoch's loss, as a part of it
JUMP = 3.0  # factor of the first epoch's loss
UNINFORMED = 1.5  # factor of the loss of a network that knows nothing
AT_THE_START = 0.9  # factor of the same, above which nothing has been learned yet
SLOW, VERY_SLOW = 0.02, 0.002  # relative fall of the validation loss in the whole run
EPOCHS = 3  # fewer have no course
# Losses whose value for equal probabilities of C classes is log C.
CROSS_ENTROPIES = ("cross_entropy",)
# Targets are standardised by the training part: their mean has a squared error of 1, and of the others less.
STANDARDIZED = ("regression", "forecasting")
OF_IMAGES = ("reconstruction", "denoising")  # whose pixels are standardised; other samples are in units of their own
OF_NUMBERS = ("mse", "mae", "huber")


class Reference(NamedTuple):
    """The training loss of a network that knows nothing."""

    value: float
    words: str


def too_large(facts: Facts) -> Diagnosis | None:
    """The training loss ends above that of the first epoch, jumps far above it, or is worse than knowing nothing."""
    losses = facts.curve("train/loss")
    # The weight of a VAE's KL grows, and its loss with it.
    if not facts.loss_shows_progress or not losses or facts.setting("task.kl_warmup", 0):
        return None
    if 1.0 in facts.values("val/accuracy"):  # whatever its loss, it makes no mistake
        return None
    first, last = losses[0][1], losses[-1][1]
    epoch, highest = max(losses[1:], key=lambda each: each[1], default=losses[0])
    reference = _reference(facts)
    if len(losses) >= EPOCHS and fmean(value for _, value in losses[-2:]) > first + WORSE * abs(first):
        found = f"the training loss ended at {last:.4g}, above the {first:.4g} of the first epoch"
    elif len(losses) >= EPOCHS and 0 < JUMP * first < highest:
        found = f"the training loss jumped to {highest:.4g} in epoch {epoch}, from {_before(losses, epoch):.4g}"
    elif reference and (first > JUMP * reference.value or last > UNINFORMED * reference.value):
        found = f"the training loss began at {first:.4g} and ended at {last:.4g}, where {reference.words}"
    else:
        return None
    return _with_rate(facts, "rate_too_large", f"{found}: the learning rate may be too large", 0.1)


def too_small(facts: Facts) -> Diagnosis | None:
    """Near the loss of knowing nothing, and falling after every epoch by very little."""
    # Not the training loss, which is the mean over an epoch with augmentation and dropout, and so varies more.
    losses, reference = facts.values("val/loss"), _reference(facts)
    if reference is None or len(losses) < EPOCHS or facts.setting("model.pretrained"):
        return None
    fall = (losses[0] - losses[-1]) / losses[0]
    falls = all(later < earlier for earlier, later in pairwise(losses))
    if not falls or fall >= SLOW or not AT_THE_START < losses[-1] / reference.value < UNINFORMED:
        return None
    sentence = (
        f"the validation loss fell only from {losses[0]:.5g} to {losses[-1]:.5g}, where {reference.words}: the learning"
        " rate may be far too small"
    )
    return _with_rate(facts, "rate_too_small", sentence, 100 if fall < VERY_SLOW else 10)


def _before(losses: list[tuple[int, float]], epoch: int) -> float:
    return [value for number, value in losses if number < epoch][-1]


def _reference(facts: Facts) -> Reference | None:
    """None for other losses, and with weights of classes."""
    outputs, loss = facts.setting("task.num_outputs"), facts.choices.get("loss")
    if loss in CROSS_ENTROPIES and facts.setting("loss.class_weights") is None:
        known = isinstance(outputs, int) and outputs > 1
        value = math.log(outputs) if known else 0.0
        return Reference(value, f"equal probabilities of all classes have {value:.4g}") if known else None
    # Standardised by each window, targets have another scale.
    standardized = (*STANDARDIZED, *(OF_IMAGES if facts.is_image else ()))
    if facts.choices.get("task") in standardized and facts.setting("task.normalize", "series") == "series":
        return Reference(1.0, "the mean of the targets has about 1") if loss in OF_NUMBERS else None
    return None


def _with_rate(facts: Facts, check: str, sentence: str, factor: float) -> Diagnosis | None:
    rate = facts.setting("optimizer.lr")
    if not isinstance(rate, int | float) or rate <= 0:
        return None
    return Diagnosis(check, sentence, again(f"optimizer.lr={rate * factor:.3g}"))
