"""Losses of a classification with a weight for each class, so that a rare class counts as much as a frequent one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.losses.targets import as_probabilities
from netyard.ranges.bounds import Positive, Probability
from netyard.ranges.signature import check

ClassWeights: TypeAlias = Sequence[Positive] | Literal["balanced"] | None


class ClassWeighted(nn.Module):
    """A loss with ``class_weights``: a number for each class, or ``balanced``.

    Balanced weights are ``samples / (classes * samples of the class)`` of the training split, as in scikit-learn. The
    task calls ``set_classes`` before training, and ``balance`` with the counts.
    """

    class_weights: Sequence[float] | str | None
    _of = "classes"
    weight: Tensor | None
    """(C,), saved with the network: balanced weights are known after training has begun only."""

    def set_classes(self, num_classes: int) -> None:
        """Create ``weight``.

        Raises:
            ArgumentError: there is not one weight for each class.
        """
        if self.class_weights is None:
            return
        if isinstance(self.class_weights, str):
            self.register_buffer("weight", torch.ones(num_classes))
            return
        if len(self.class_weights) != num_classes:
            raise ArgumentError(
                f"loss.class_weights has {len(self.class_weights)} weights;",
                f"it must have one for each of the {num_classes} {self._of};",
                "try loss.class_weights=balanced.",
            )
        self.register_buffer("weight", torch.tensor(self.class_weights, dtype=torch.float32))

    def balance(self, counts: Tensor) -> None:
        """Set balanced weights by the number of training samples of each class, int64 (C,)."""
        if self.class_weights == "balanced" and self.weight is not None:
            present = counts > 0
            # A class without training samples is never weighted; 1 keeps its number finite.
            weight = counts.sum() / (present.sum() * counts.clamp(min=1))
            self.weight.copy_(torch.where(present, weight, 1.0))


class LabelWeighted(ClassWeighted):
    """A loss that also decides each label of a sample by itself, once ``set_labels`` was called.

    Targets are then (B, L) with 0 and 1, or probabilities of labels. ``class_weights`` weight the samples that have a
    label, ``balanced`` by ``samples without it / samples with it``.
    """

    decides_labels = False

    def set_labels(self, num_labels: int) -> None:
        """Decide labels instead of classes, and create ``weight``.

        Raises:
            ArgumentError: there is not one weight for each label.
        """
        self.decides_labels, self._of = True, "labels"
        self.set_classes(num_labels)

    def balance_labels(self, counts: Tensor, num_samples: int) -> None:
        """Set balanced weights by the number of training samples that have each label, int64 (L,)."""
        if self.class_weights == "balanced" and self.weight is not None:
            # A label that no training sample has, or every one, has no positive or no negative to weigh.
            some = (counts > 0) & (counts < num_samples)
            self.weight.copy_(torch.where(some, (num_samples - counts) / counts.clamp(min=1), 1.0))

    def mean_over_labels(self, terms: Tensor, target: Tensor) -> Tensor:
        """The mean of losses (B, L), in which those of present labels have their weight."""
        if self.weight is None:
            return terms.mean()
        weights = 1 + (self.weight - 1) * target  # between both for a soft target
        return (terms * weights).sum() / weights.sum()


class CrossEntropyLoss(ClassWeighted, nn.CrossEntropyLoss):
    """``torch.nn.CrossEntropyLoss`` with ``class_weights``: a mean of samples weighted by their classes."""

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: Probability = 0.0,  # below 1: at 1 the targets would be uniform, whatever the label is
        class_weights: ClassWeights = None,
    ) -> None:
        check(CrossEntropyLoss, locals(), "loss")
        nn.CrossEntropyLoss.__init__(
            self, weight, ignore_index=ignore_index, reduction=reduction, label_smoothing=label_smoothing
        )
        self.class_weights = class_weights


class MultiMarginLoss(ClassWeighted, nn.MultiMarginLoss):
    """``torch.nn.MultiMarginLoss`` with ``class_weights``: a mean of samples weighted by their classes."""

    def __init__(
        self,
        p: Literal[1, 2] = 1,
        margin: Positive = 1.0,
        weight: Tensor | None = None,
        reduction: str = "mean",
        class_weights: ClassWeights = None,
    ) -> None:
        check(MultiMarginLoss, locals(), "loss")
        nn.MultiMarginLoss.__init__(self, p, margin, weight, reduction=reduction)
        self.class_weights = class_weights

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        value = super().forward(input, target)
        if self.class_weights is None or self.weight is None:
            return value
        # torch weights each sample, but divides by their number: the loss would grow with the weights.
        return value * len(target) / self.weight[target].sum()


def weighted_mean(losses: Tensor, target: Tensor, logits: Tensor, weight: Tensor | None) -> Tensor:
    """The mean of losses (B,), weighted by the classes of the targets (B,) or (B, C); logits (B, C), weight (C,)."""
    if weight is None:
        return losses.mean()
    weights = as_probabilities(target, logits) @ weight  # (B,)
    return (losses * weights).sum() / weights.sum()
