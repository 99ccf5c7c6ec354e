"""Checks whether a loss fits the task, by evaluating it on examples, so that any loss can be used."""

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
    """Refuse a loss that does not learn from logits ``(B, C)`` and class indices ``(B,)``.

    With ``soft_targets`` it must also take ``(B, C)`` probabilities, as mixup and cutmix make them.

    Raises:
        ArgumentError: it takes no labels, is not finite, or does not fall as the true class's logit rises.
    """
    name = _name(loss)
    if num_classes < 2:
        raise ArgumentError(
            f"num_classes is {num_classes};",
            "a classification needs 2 or more;",
            "try task=regression.",
        )
    # B = C + 1: nothing fits by broadcasting.
    labels = torch.arange(num_classes + 1, device="cpu") % num_classes
    truth = F.one_hot(labels, num_classes).float()

    def refuse(found: str, cause: Exception | None = None) -> NoReturn:
        raise ArgumentError(
            f"loss {name} {found};",
            "classification needs a loss of logits and labels;",
            "try loss=cross_entropy.",
        ) from cause

    try:
        level, wiser = (_value(loss, height * truth, labels) for height in (0.0, 1.0))
    except _REFUSALS as error:
        refuse("does not take class labels", error)
    if not wiser < level:
        refuse("does not fall when the true class becomes likelier")
    if soft_targets:
        try:
            _value(loss, truth, truth)
        except _REFUSALS as error:
            raise ArgumentError(
                f"loss {name} does not take soft targets;",
                "mixup and cutmix make labels of several classes;",
                "try loss=cross_entropy, or augmentation=standard.",
            ) from error


def check_regression_loss(loss: Loss, num_targets: int) -> None:
    """Refuse a loss that does not pull predictions ``(B, T)`` to targets ``(B, T)`` from both sides.

    Raises:
        ArgumentError: it takes no numbers, is not finite, or its slope points away from a target.
    """
    name = _name(loss)

    def refuse(found: str, cause: Exception | None = None) -> NoReturn:
        raise ArgumentError(
            f"loss {name} {found};",
            "regression needs a loss of predictions and targets, lowest where they agree;",
            "try loss=mse.",
        ) from cause

    # Targets on both sides of [0, 1]: a loss made for probabilities has its minimum elsewhere for most.
    target = torch.linspace(-2.0, 3.0, 4 * num_targets, device="cpu").reshape(4, num_targets)
    for offset in (-0.5, 0.5):
        prediction = (target + offset).requires_grad_()
        try:
            with torch.enable_grad():
                value = _value(loss, prediction, target)
                (slope,) = torch.autograd.grad(value, prediction)
        except _REFUSALS as error:
            refuse("does not take numbers as targets", error)
        if not (slope * offset > 0).all():
            refuse("does not pull a prediction to its target")


# What torch raises for arguments of the wrong shape or kind; a warning (broadcasting) counts as a refusal.
_REFUSALS = (RuntimeError, TypeError, ValueError, IndexError, Warning)


def _value(loss: Loss, prediction: Tensor, target: Tensor) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = loss(prediction, target)
    if value.ndim != 0 or not torch.isfinite(value):
        raise ValueError(f"its value is {value.tolist()}, not one finite number")
    return value


def _name(loss: Loss) -> str:
    return getattr(loss, "__name__", type(loss).__name__)
