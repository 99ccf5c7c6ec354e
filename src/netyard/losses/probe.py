"""Check whether a loss fits a task by evaluating it on examples, so that losses of other packages can be used."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NoReturn

import torch
from torch import Tensor
from torch.nn import functional as F

from netyard.errors import ArgumentError

Loss = Callable[[Tensor, Tensor], Tensor]


def check_classification_loss(loss: Loss, num_classes: int, soft_targets: bool = False) -> None:
    """Raise ArgumentError unless a loss can be minimised from logits ``(B, C)`` and class indices ``(B,)``.

    With ``soft_targets`` it must also take ``(B, C)`` probabilities, which mixup and cutmix produce.

    Raises:
        ArgumentError: it takes no labels, is not finite, or does not decrease with the logit of the true class.
    """
    name = _name(loss)
    if num_classes < 2:
        raise ArgumentError(
            f"num_classes is {num_classes};",
            "a classification needs 2 or more;",
            "try task=regression.",
        )
    # B = C + 1 samples: with B = C a loss of the wrong kind could broadcast (B,) against (B, C) without an error.
    labels = torch.arange(num_classes + 1, device="cpu") % num_classes
    truth = F.one_hot(labels, num_classes).float()

    def refuse(found: str, cause: Exception | None = None) -> NoReturn:
        raise ArgumentError(
            f"loss {name} {found};",
            "classification needs a loss of logits and labels;",
            "try loss=cross_entropy.",
        ) from cause

    # Equal logits for all classes first, then a larger one for the true class, which must decrease the loss.
    try:
        uniform, better = (_value(loss, logit * truth, labels) for logit in (0.0, 1.0))
    except _UNSUITABLE as error:
        refuse("does not take class labels", error)
    if not better < uniform:
        refuse("does not decrease when the true class becomes more probable")
    if soft_targets:
        try:
            _value(loss, truth, truth)
        except _UNSUITABLE as error:
            raise ArgumentError(
                f"loss {name} does not take soft targets;",
                "mixup and cutmix produce targets of several classes;",
                "try loss=cross_entropy, or augmentation=standard.",
            ) from error


def check_multilabel_loss(loss: Loss, num_labels: int) -> None:
    """Raise ArgumentError unless a loss decides each label by itself, of logits and targets ``(B, L)`` each.

    Raises:
        ArgumentError: it takes no labels, is not finite, or does not decrease with the logit of each present label.
    """
    name = _name(loss)

    def refuse(found: str, cause: Exception | None = None) -> NoReturn:
        raise ArgumentError(
            f"loss {name} {found};",
            "several labels need a loss that decides each of them: bce, focal or asymmetric;",
            "try loss=bce.",
        ) from cause

    # All labels, none of them, and every second one: a softmax would divide one decision among the labels.
    second = (torch.arange(num_labels, device="cpu") % 2).float()
    for target in (torch.ones(3, num_labels), torch.zeros(3, num_labels), second.expand(3, -1)):
        try:
            none, better = (_value(loss, logit * (2 * target - 1), target) for logit in (0.0, 1.0))
        except _UNSUITABLE as error:
            refuse("does not take labels", error)
        if not better < none:
            refuse("does not decrease when each present label becomes more probable, and each absent one less")


def check_regression_loss(loss: Loss, num_targets: int) -> None:
    """Raise ArgumentError unless a loss has its minimum where predictions ``(B, T)`` equal targets ``(B, T)``.

    Raises:
        ArgumentError: it takes no numbers, is not finite, or its gradient has the wrong sign beside a target.
    """
    name = _name(loss)

    def refuse(found: str, cause: Exception | None = None) -> NoReturn:
        raise ArgumentError(
            f"loss {name} {found};",
            "regression needs a loss of predictions and targets, lowest where they agree;",
            "try loss=mse.",
        ) from cause

    # Targets inside and outside of [0, 1]: a loss of probabilities has its minimum elsewhere for most of them.
    target = torch.linspace(-2.0, 3.0, 4 * num_targets, device="cpu").reshape(4, num_targets)
    for offset in (-0.5, 0.5):
        prediction = (target + offset).requires_grad_()
        try:
            with torch.enable_grad():  # a task may be built under no_grad, as for prediction
                value = _value(loss, prediction, target)
                (slope,) = torch.autograd.grad(value, prediction)
        except _UNSUITABLE as error:
            refuse("does not take numbers as targets", error)
        if not (slope * offset > 0).all():  # positive above the target, negative below it
            refuse("does not decrease towards the target")


# What torch raises for arguments of the wrong shape or type. A warning counts too: torch only warns of broadcasting.
_UNSUITABLE = (RuntimeError, TypeError, ValueError, IndexError, Warning)


def _value(loss: Loss, prediction: Tensor, target: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = loss(prediction, target)
    if value.ndim != 0 or not torch.isfinite(value):
        raise ValueError(f"its value is {value.tolist()}, not one finite number")
    return value


def _name(loss: Loss) -> str:
    return getattr(loss, "__name__", type(loss).__name__)
