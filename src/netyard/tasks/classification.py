"""Supervised classification: one of C classes for each sample, by the cross-entropy of a softmax."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torchmetrics.classification import MulticlassAUROC
from torchmetrics.utilities import dim_zero_cat

from netyard.errors import ArgumentError, DataError
from netyard.losses.class_weights import ClassWeighted
from netyard.losses.penalties import l1_penalty
from netyard.losses.probe import check_classification_loss
from netyard.metrics import class_scores
from netyard.metrics.calibration import Calibration
from netyard.metrics.class_scores import ClassScore, DecisionScore
from netyard.optim.parameters import regularised_parameters
from netyard.ranges.bounds import Count, NotNegative, Part
from netyard.ranges.signature import check
from netyard.tasks.interfaces import HasAuxiliaryHeads, mixes_samples
from netyard.tasks.learner import Learner
from netyard.tasks.parts.readers import check_reader
from netyard.tasks.parts.training_targets import training_targets
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

    Logs ``loss`` and ``accuracy`` of each stage, scores of ``metrics.class_scores`` after a validation and all of them
    after a test, with ``ece`` (the expected calibration error). The loss of a test has no class weights and no label
    smoothing, see ``Learner.criteria``. Keeps ``confusion`` (C, C), rows true and columns predicted, ``calibration``,
    ``mistakes`` and ``scored`` for callbacks that plot them.

    Args:
        net: see ``Classifier``; the weight of its auxiliary losses is its attribute ``auxiliary_weight``.
        loss: of logits and targets, averaged over the batch.
        num_outputs: the number of classes C.
        optimizer, scheduler, monitor, mode: see ``Learner``.
        validation_scores: what a validation logs beside loss and accuracy; the monitored score is always logged. Areas
            keep the probabilities of all validation samples in memory.
        threshold: of two classes, the probability from which a sample is of the second. A score: after each validation
            the threshold is chosen where that score is largest, and saved with the weights.
        l1: weight of the sum of absolute weights added to the training loss (Lasso; Tibshirani 1996).

    Raises:
        ArgumentError: the loss does not take logits and labels; a value is out of its range; a threshold was given for
            more than two classes.
    """

    threshold: Tensor | None
    compilable = True
    baseline_kind = "classes"
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
        validation_scores: Sequence[ClassScore] = ("balanced_accuracy", "f1"),
        threshold: Part | DecisionScore = 0.5,
    ) -> None:
        check(Classification, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        if isinstance(loss, ClassWeighted):
            loss.set_classes(num_outputs)
        check_reader(net, "classification")
        check_classification_loss(loss, num_outputs)
        self.num_outputs = num_outputs
        self.l1 = l1
        self.auxiliary_weight = net.auxiliary_weight if isinstance(net, HasAuxiliaryHeads) else 0.0
        self.validation_scores = [*validation_scores]
        watched = monitor.removeprefix("val/")
        if watched in class_scores.NAMES and watched not in self.validation_scores:
            self.validation_scores.append(watched)
        if threshold != 0.5 and num_outputs != 2:
            raise ArgumentError(
                f"task.threshold is {threshold} for {num_outputs} classes;",
                "a threshold decides between two classes; of more, the one with the largest probability is predicted;",
                "try task.threshold=0.5.",
            )
        self.threshold_score = threshold if isinstance(threshold, str) else None
        # A buffer, so that it is saved with the weights for which it was chosen. None: the larger probability decides.
        number = 0.5 if isinstance(threshold, str) else threshold
        self.register_buffer("threshold", None if threshold == 0.5 else torch.tensor(number))
        self.confusion: Tensor | None = None
        self.calibration = Calibration()
        self.mistakes: Mistakes | None = None
        self.scored: ScoredSamples | None = None
        self._auroc = MulticlassAUROC(num_outputs)
        # Of a validation: the matrix, and the samples if a score needs all of them at once.
        self._validation_confusion: Tensor | None = None
        ranks = self.threshold_score is not None or not class_scores.RANKING.isdisjoint(self.validation_scores)
        self._validated = MulticlassAUROC(num_outputs) if ranks else None

    def setup(self, stage: str) -> None:
        # Only now is it known whether the data mix samples, and the labels of a mixture are probabilities (B, C).
        if stage == "fit" and mixes_samples(self.trainer.datamodule):
            check_classification_loss(self.loss, self.num_outputs, soft_targets=True)
        if stage == "fit" and isinstance(self.loss, ClassWeighted) and self.loss.class_weights == "balanced":
            classes = training_targets(self.trainer.datamodule, "class", "classes")
            self.loss.balance(classes.bincount(minlength=self.num_outputs))

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

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self._validation_confusion = self._empty_confusion()
        if self._validated is not None:
            self._validated.reset()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        logits = self.net(x)
        predictions = self._predictions(logits)
        self._validation_confusion += self._counted(y, predictions)
        means = {"loss": self.loss(logits, y)}
        if not self.threshold_score:  # else the accuracy is known once the threshold is
            means["accuracy"] = (predictions == y).mean(dtype=torch.float32)
        if self._validated is not None:
            self._validated.update(logits.float().softmax(dim=1), y)
        self.means.add(len(x), **means)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        confusion = self.trainer.strategy.reduce(self._validation_confusion, reduce_op="sum")
        samples = None
        if self._validated is not None:
            with self._validated.sync_context():
                samples = dim_zero_cat(self._validated.preds), dim_zero_cat(self._validated.target)
        if self.threshold_score and samples is not None and self.threshold is not None:
            probabilities, labels = samples
            chosen = class_scores.best_threshold(self.threshold_score, probabilities[:, 1], labels)
            confusion = self._counted(labels, _by_threshold(probabilities, self.threshold.fill_(chosen)))
            self.log("val/accuracy", confusion.diagonal().sum() / confusion.sum())
        found = class_scores.scores(self.validation_scores, confusion, *(samples or ()))
        for name in self.validation_scores:
            if name in found:
                self.log(f"val/{name}", found[name])
            elif self.trainer.sanity_checking:  # a few samples, which may be of one class
                self.log(f"val/{name}", float("nan"))
            elif self.monitor == f"val/{name}":
                raise DataError(
                    f"{self.monitor} is undefined: all validation samples are of one class;",
                    "it compares samples of two classes at least;",
                    "try a larger data.val_fraction, or task.monitor=val/accuracy.",
                )

    def _empty_confusion(self) -> Tensor:
        return torch.zeros(self.num_outputs, self.num_outputs, dtype=torch.int64, device=self.device)

    def _counted(self, y: Tensor, predictions: Tensor) -> Tensor:
        """The confusion matrix of labels (B,) and predicted classes (B,): int64 (C, C)."""
        # Each pair (true, predicted) as one number, so that one bincount counts all cells of the matrix.
        return torch.bincount(y * self.num_outputs + predictions, minlength=self.num_outputs**2).view(
            self.num_outputs, self.num_outputs
        )

    def _predictions(self, logits: Tensor) -> Tensor:
        """The predicted classes (B,) of logits (B, C)."""
        if self.threshold is None:
            return logits.argmax(dim=1)
        return _by_threshold(logits.float().softmax(dim=1), self.threshold)

    def on_test_start(self) -> None:
        super().on_test_start()
        self.confusion = self._empty_confusion()
        self.calibration = Calibration(self.device)
        self._auroc.reset()
        self.mistakes, self.scored = None, None

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        x, y = batch
        logits = self.net(x)
        predictions = self._predictions(logits)
        losses = {name: loss(logits, y) for name, loss in self.criteria.items()}
        self.means.add(len(x), **losses, accuracy=(predictions == y).mean(dtype=torch.float32))
        probabilities = logits.float().softmax(dim=1)  # (B, C); float32, since 16 bits round near 1
        self.confusion += self._counted(y, predictions)
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
        names = [name for name in class_scores.NAMES if name != "auroc"]
        for name, value in class_scores.scores(names, self.confusion, *self.scored).items():
            self.log(f"test/{name}", value)
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
        if self.threshold is not None:
            meaning = f"(batch, 2), the second class is predicted from {self.threshold:.6g} on"
            outputs[1] = TensorSpec("probabilities", meaning)
        score = Score("accuracy", lambda made, x, y: (self._predictions(made["logits"]) == y).float())
        return ExportSignature(self, classify, [TensorSpec("input", "a sample")], outputs, score=score)

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        """Return the columns of the prediction table: the class, its probability, and the probability of each class."""
        probabilities = self.predict_step(x, 0).float()
        surest, classes = self._decided(probabilities)
        return {
            "prediction": [labels[number] for number in classes.tolist()],
            "probability": surest.tolist(),
            **{f"probability_{name}": each.tolist() for name, each in zip(labels, probabilities.T, strict=True)},
        }

    def _decided(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """The probability of each predicted class, and the classes: two (B,), of probabilities (B, C)."""
        if self.threshold is None:
            confidences, predictions = probabilities.max(dim=1)
            return confidences, predictions
        predictions = _by_threshold(probabilities, self.threshold)
        return probabilities.gather(1, predictions[:, None])[:, 0], predictions

    def _keep_mistakes(self, x: Tensor, y: Tensor, probabilities: Tensor) -> None:
        # The best so far are merged with each batch, so that only NUM_MISTAKES inputs are kept in memory.
        confidences, predictions = self._decided(probabilities)
        wrong = predictions != y
        found = Mistakes(x[wrong], y[wrong], predictions[wrong], confidences[wrong])
        if self.mistakes is not None:
            found = Mistakes(*(torch.cat(pair) for pair in zip(self.mistakes, found, strict=True)))
        # stable: equal confidences keep the order of the data, whatever the device.
        surest = found.confidences.argsort(descending=True, stable=True)[: self.NUM_MISTAKES]
        self.mistakes = Mistakes(*(each[surest] for each in found))


def _by_threshold(probabilities: Tensor, threshold: Tensor) -> Tensor:
    """The second class where its probability reaches the threshold, else the first: (B, 2) -> int64 (B,)."""
    return (probabilities[:, 1] >= threshold).long()


def accuracy(logits: Tensor, y: Tensor) -> Tensor:
    """Fraction of samples whose largest logit is that of the label, or of the largest class of a soft target."""
    labels = y if y.ndim == 1 else y.argmax(dim=1)
    return (logits.argmax(dim=1) == labels).mean(dtype=torch.float32)
