"""Checks of the length of the training: it was too short, or the network over-fitted."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

from netyard.diagnostics.facts import Diagnosis, Facts, Suggestion, again
from netyard.diagnostics.margins import can_improve, relative_error

EPOCHS = 4  # validated ones; fewer have no course
FEWEST_STEPS = 3  # between the last validations, each of which has to be a fall
FALL = 0.02  # of the validation metric in each of these steps, relative
ANNEALED = 0.1  # part of the largest learning rate, below which a schedule has ended the training
RISE = 0.1  # of the validation loss above its minimum, relative
STILL_LEARNS = 0.9  # factor of the training loss at that minimum
FEWEST_AFTER = 3  # epochs after the minimum


def still_improving(facts: Facts) -> Diagnosis | None:
    """The validation falls in each of the last epochs, at a learning rate that is still large."""
    name = _smaller_is_better(facts)
    if name is None or facts.ended_early or not can_improve(facts):
        return None
    curve, rates = facts.curve(name), facts.values("lr")
    steps = max(FEWEST_STEPS, len(curve) // 4)
    epochs = facts.setting("trainer.max_epochs")
    if len(curve) < EPOCHS or not rates or rates[-1] < ANNEALED * max(rates) or not _by_epochs(facts):
        return None
    values = [value for _, value in curve]
    recent = values[-steps - 1 :]
    falls = all(later <= earlier - FALL * abs(earlier) for earlier, later in pairwise(recent))
    if not falls or values[-1] > min(values) or not _follows(facts, steps):
        return None
    sentence = (
        f"{name} still fell, from {recent[0]:.4g} to {recent[-1]:.4g} in the last {steps} validations: train longer"
    )
    schedule = ("trainer.schedule=stretch",) * _follows_length(facts)
    return Diagnosis("still_improving", sentence, Suggestion("resume", (f"trainer.max_epochs={2 * epochs}", *schedule)))


def over_fitted(facts: Facts) -> Diagnosis | None:
    """The validation loss has risen since an epoch, while the training loss fell on."""
    curve, training = facts.curve("val/loss"), dict(facts.curve("train/loss"))
    if not facts.loss_shows_progress or len(curve) < EPOCHS + FEWEST_AFTER or not can_improve(facts):
        return None
    last = max(FEWEST_AFTER, len(curve) // 4)
    epoch, best = min(curve, key=lambda each: each[1])
    later = [number for number, _ in curve[-last:]]
    # The metric that is optimised may improve while the loss rises: a classifier becomes too sure, and no worse.
    chosen = facts.objective.get("epoch")
    if epoch >= later[0] or chosen is None or chosen >= later[0] or best <= 0:
        return None
    risen, before = fmean(value for _, value in curve[-last:]), training.get(epoch)
    fallen = [training[number] for number in later if number in training]
    margin = max(RISE, relative_error(facts.samples.get("val", 1), facts.horizon))
    if before is None or not fallen or risen < (1 + margin) * best or fmean(fallen) > STILL_LEARNS * before:
        return None
    remedy = _remedy(facts)
    if remedy is None:
        return None
    sentence = (
        f"over-fitted since epoch {epoch}: the validation loss rose from {best:.4g} to {risen:.4g} while the training"
        f" loss fell from {before:.4g} to {fmean(fallen):.4g}"
    )
    return Diagnosis("over_fitted", sentence, remedy)


def _smaller_is_better(facts: Facts) -> str | None:
    """The metric whose fall shows progress: the objective if it falls, else the validation loss."""
    name = facts.objective.get("name")
    if facts.objective.get("mode") == "min" and isinstance(name, str):
        return name
    return "val/loss" if facts.loss_shows_progress else None


def _follows(facts: Facts, steps: int) -> bool:
    """Whether the objective improved with it in the last steps, if it is another metric."""
    if facts.objective.get("mode") == "min":
        return True
    values = facts.values(str(facts.objective.get("name")))
    return len(values) > steps and values[-1] > values[-steps - 1]


def _by_epochs(facts: Facts) -> bool:
    """Whether the number of epochs, and nothing else, says how long the run is."""
    epochs, steps = facts.setting("trainer.max_epochs"), facts.setting("trainer.max_steps", -1)
    return isinstance(epochs, int) and epochs > 0 and steps in (None, -1) and not facts.setting("trainer.max_time")


def _follows_length(facts: Facts) -> bool:
    """Whether something of the run follows its length: see ``run_directories.resume``."""
    follows = any(facts.setting(f"task.{key}") for key in ("epsilon_fraction", "kl_warmup"))
    return follows or facts.choices.get("scheduler") not in ("constant", "plateau")


def _remedy(facts: Facts) -> Suggestion | None:
    """The augmentation or penalty that fits the data and is not in use."""
    if facts.is_image and facts.choices.get("augmentation") in ("auto", "none"):
        return again("augmentation=standard")
    if facts.setting("model.dropout") == 0:
        return again("model.dropout=0.2")
    # Other keys of the optimizer that were typed may not exist in adamw; adam has the same.
    if facts.choices.get("optimizer") == "adam":
        return again("optimizer=adamw", "optimizer.weight_decay=0.1")
    if facts.setting("optimizer.weight_decay") == 0:
        return again("optimizer.weight_decay=0.0001")
    return None
