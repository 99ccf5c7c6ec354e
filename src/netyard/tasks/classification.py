"""Supervised classification: one of C classes for each sample, by the cross-entropy of a softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAUROC
from torchmetrics.utilities import dim_zero_cat

from netyard.losses.penalties import l1_penalty
from netyard.losses.probe import check_classification_loss
from netyard.metrics.calibration import Calibration
from netyard.optim.parameters import regularised_parameters
from netyard.ranges.bounds import Count, NotNegative
from netyard.ranges.signature import check
from netyard.tasks.interfaces import HasAuxiliaryHeads, mixes_samples
from netyard.tasks.learner import Learner
from netyard.tasks.signature import ExportSignature, Score, TensorSpec


class Classifier(Protocol):
    """The interface of the net: it returns logits; with auxiliary heads, (logits, *auxiliary logits) in training."""

    def __call__(self, x: Tensor) -> Tensor | tuple[Tensor, ...]: ...


class Mistakes(NamedTuple):
    """The misclassified test samples with the highest confidence, sorted by it."""

    inputs: Tensor  # (K, ...)
    labels: Tensor  # (K,)
    predictions: Tensor  # (K,)
    confidences: Tensor  # (K,), in [0, 1]


class ScoredSamples(NamedTuple):
    """All test samples, gathered from all devices."""

    probabilities: Tensor  # (N, C)
    labels: Tensor  # (N,)


class Classification(Learner):
    """Train ``net(x) -> (B, num_outputs)`` logits on batches ``(x, y)``, y labels (B,) or soft targets (B, C).

    Logs ``loss`` and ``accuracy`` of each stage, and after a test ``auroc`` (one class against the rest, averaged) and
    ``ece`` (the expected calibration error). The loss of a test has no class weights and no label smoothing, see
    ``Learner.criteria``. Keeps ``confusion`` (C, C), rows true and columns predicted,
    ``calibration``, ``mistakes`` and ``scored`` for callbacks that plot them.

    Args:
        net: see ``Classifier``; the weight of its auxiliary losses is its attribute ``auxiliary_weight``.
        loss: of logits and targets, averaged over the batch.
        num_outputs: the number of classes C.
        optimizer, scheduler, monitor, mode: see ``Learner``.
        l1: weight of the sum of absolute weights added to the training loss (Lasso; Tibshirani 1996).

    Raises:
        ArgumentError: the loss does not take logits and labels; a value is out of its range.
    """

    compilable = True
    NUM_MISTAKES = 25

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        monitor: str = "val/accuracy",
        mode: Literal["min", "max"] = "max",
        l1: NotNegative = 0.0,
    ) -> None:
        check(Classification, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        check_classification_loss(loss, num_outputs)
        self.num_outputs = num_outputs
        self.l1 = l1
        self.auxiliary_weight = net.auxiliary_weight if isinstance(net, HasAuxiliaryHeads) else 0.0
        self.confusion: Tensor | None = None
        self.calibration = Calibration()
        self.mistakes: Mistakes | None = None
        self.scored: ScoredSamples | None = None
        self._auroc = MulticlassAUROC(num_outputs)

    def setup(self, stage: str) -> None:
        # Only now is it known whether the data mix samples, and the labels of a mixture are probabilities (B, C).
        if stage == "fit" and mixes_samples(self.trainer.datamodule):
            check_classification_loss(self.loss, self.num_outputs, soft_targets=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        output = self.net(x)
        logits, *auxiliary = output if isinstance(output, tuple) else (output,)
        loss = self.loss(logits, y)
        # Before auxiliary losses and penalty are added, so that train/loss and val/loss are the same quantity.
        self.means.add(len(x), loss=loss, accuracy=accuracy(logits, y))
        # Heads on inner layers, whose gradient does not vanish on the way; Szegedy et al. 2014, arXiv:1409.4842.
        for each in auxiliary:
            loss = loss + self.auxiliary_weight * self.loss(each, y)
        if self.l1:
            loss = loss + self.l1 * l1_penalty(regularised_parameters(self.net))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        logits = self.net(x)
        self.means.add(len(x), loss=self.loss(logits, y), accuracy=accuracy(logits, y))

    def on_test_start(self) -> None:
        super().on_test_start()
        self.confusion = torch.zeros(self.num_outputs, self.num_outputs, dtype=torch.int64, device=self.device)
        self.calibration = Calibration(self.device)
        self._auroc.reset()
        self.mistakes, self.scored = None, None

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        logits = self.net(x)
        losses = {name: loss(logits, y) for name, loss in self.criteria.items()}
        self.means.add(len(x), **losses, accuracy=accuracy(logits, y))
        probabilities = logits.float().softmax(dim=1)  # (B, C); float32, since 16 bits round near 1
        # Each pair (true, predicted) as one number, so that one bincount counts all cells of the matrix.
        pairs = y * self.num_outputs + logits.argmax(dim=1)  # (B,)
        self.confusion += torch.bincount(pairs, minlength=self.num_outputs**2).view_as(self.confusion)
        self.calibration.add(probabilities, y)
        self._auroc.update(probabilities, y)
        self._keep_mistakes(x, y, probabilities)

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self.confusion = self.trainer.strategy.reduce(self.confusion, reduce_op="sum")
        self.calibration.sums = self.trainer.strategy.reduce(self.calibration.sums, reduce_op="sum")
        self.log("test/ece", self.calibration.error())
        with self._auroc.sync_context():
            self.scored = ScoredSamples(dim_zero_cat(self._auroc.preds), dim_zero_cat(self._auroc.target))
        if (self.confusion.sum(dim=1) > 0).all():  # undefined for a class without test samples
            self.log("test/auroc", self._auroc.compute())

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        """Return class probabilities (B, C). The softmax is applied here; losses take the net's logits."""
        x = batch if isinstance(batch, Tensor) else batch[0]
        return self.net(x).softmax(dim=1)

    def export_signature(self) -> ExportSignature:
        """Return the signature of logits and class probabilities."""

        def classify(x: Tensor) -> tuple[Tensor, Tensor]:
            logits = self.net(x)
            return logits, logits.softmax(dim=1)

        outputs = [TensorSpec(name, f"(batch, {self.num_outputs})") for name in ("logits", "probabilities")]
        score = Score("accuracy", lambda made, x, y: (made["logits"].argmax(dim=1) == y).float())
        return ExportSignature(self, classify, [TensorSpec("input", "a sample")], outputs, score=score)

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        """Return the columns of the prediction table: the class, its probability, and the probability of each class."""
        probabilities = self.predict_step(x, 0).float()
        surest, classes = probabilities.max(dim=1)
        return {
            "prediction": [labels[number] for number in classes.tolist()],
            "probability": surest.tolist(),
            **{f"probability_{name}": each.tolist() for name, each in zip(labels, probabilities.T, strict=True)},
        }

    def _keep_mistakes(self, x: Tensor, y: Tensor, probabilities: Tensor) -> None:
        # The best so far are merged with each batch, so that only NUM_MISTAKES inputs are kept in memory.
        confidences, predictions = probabilities.max(dim=1)
        wrong = predictions != y
        found = Mistakes(x[wrong], y[wrong], predictions[wrong], confidences[wrong])
        if self.mistakes is not None:
            found = Mistakes(*(torch.cat(pair) for pair in zip(self.mistakes, found, strict=True)))
        # stable: equal confidences keep the order of the data, whatever the device.
        surest = found.confidences.argsort(descending=True, stable=True)[: self.NUM_MISTAKES]
        self.mistakes = Mistakes(*(each[surest] for each in found))


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Fraction of samples whose largest logit is that of the label, or of the largest class of a soft target."""
    labels = y if y.ndim == 1 else y.argmax(dim=1)
    return (logits.argmax(dim=1) == labels).mean(dtype=torch.float32)
