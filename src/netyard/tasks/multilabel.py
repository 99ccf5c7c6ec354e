"""Multilabel classification: any number of L labels for each sample, each decided by a sigmoid of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError, DataError
from netyard.losses.class_weights import LabelWeighted
from netyard.losses.penalties import l1_penalty
from netyard.losses.probe import check_multilabel_loss
from netyard.metrics import label_scores
from netyard.metrics.class_scores import DecisionScore
from netyard.metrics.gathered import Gathered
from netyard.metrics.label_scores import LabelCounts, LabelScore
from netyard.metrics.output_names import label_lists, metric_name
from netyard.optim.parameters import regularised_parameters
from netyard.ranges.bounds import Count, NotNegative, Part
from netyard.ranges.signature import check
from netyard.tasks.interfaces import HasAuxiliaryHeads, class_names
from netyard.tasks.learner import Learner
from netyard.tasks.parts.training_targets import training_targets
from netyard.tasks.signature import ExportSignature, Score, TensorSpec

log = logging.getLogger(__name__)


class ScoredLabels(NamedTuple):
    """All test samples, gathered from all devices."""

    probabilities: Tensor  # (N, L)
    labels: Tensor  # (N, L), bool


class Multilabel(Learner):
    """Train ``net(x) -> (B, num_outputs)`` logits on batches ``(x, y)``, y (B, num_outputs) with 0 and 1.

    Logs ``loss`` of each stage, scores of ``metrics.label_scores`` after a validation and all of them after a test,
    with ``f1_<label>`` of each label. The loss of a test has no class weights, see ``Learner.criteria``. Keeps
    ``scored`` for callbacks that plot them.

    Args:
        net: returns logits; with auxiliary heads, (logits, *auxiliary logits) in training.
        loss: of logits and targets (B, num_outputs), averaged over samples and labels.
        num_outputs: the number of labels L.
        optimizer, scheduler, monitor, mode: see ``Learner``.
        validation_scores: what a validation logs beside the loss; the monitored score is always logged. All scores need
            the probabilities of all validation samples in memory.
        threshold: the probability from which a label is set: one for all, or one for each. A score: after each
            validation the threshold of each label is chosen by its score, and saved with the weights; see
            ``label_scores.best_thresholds``.
        l1: weight of the sum of absolute weights added to the training loss (Lasso; Tibshirani 1996).

    Raises:
        ArgumentError: the loss does not decide labels; a value is out of its range; not one threshold for each label.
    """

    threshold: Tensor
    compilable = True
    baseline_kind = "labels"
    MOST_NAMED = 20
    """Labels whose own scores a test logs; of more they are in the table of a test alone."""

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        num_outputs: Count,
        monitor: str = "val/average_precision",
        mode: Literal["min", "max"] = "max",
        l1: NotNegative = 0.0,
        validation_scores: Sequence[LabelScore] = ("average_precision", "f1", "f1_micro", "hamming_accuracy"),
        threshold: Part | Sequence[Part] | DecisionScore = "f1",
    ) -> None:
        check(Multilabel, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, monitor, mode)
        if isinstance(loss, LabelWeighted):
            loss.set_labels(num_outputs)
        check_multilabel_loss(loss, num_outputs)
        self.num_outputs = num_outputs
        self.l1 = l1
        self.auxiliary_weight = net.auxiliary_weight if isinstance(net, HasAuxiliaryHeads) else 0.0
        self.validation_scores = [*validation_scores]
        watched: Any = monitor.removeprefix("val/")
        if watched in label_scores.NAMES and watched not in self.validation_scores:
            self.validation_scores.append(watched)
        self.threshold_score: DecisionScore | None = None
        numbers: Sequence[float] = [0.5] * num_outputs
        if threshold in ("f1", "balanced_accuracy"):
            self.threshold_score = threshold
        elif isinstance(threshold, float | int):
            numbers = [threshold] * num_outputs
        else:
            numbers = [float(each) for each in threshold]
        if len(numbers) != num_outputs:
            raise ArgumentError(
                f"task.threshold has {len(numbers)} numbers for {num_outputs} labels;",
                "it is one number for all labels, one for each, or a score by which they are chosen;",
                "try task.threshold=f1.",
            )
        # A buffer, so that it is saved with the weights for which it was chosen.
        self.register_buffer("threshold", torch.tensor(numbers))
        self.register_load_state_dict_pre_hook(_keep_given_threshold)
        self.scored: ScoredLabels | None = None
        self._gathered = Gathered()

    def setup(self, stage: str) -> None:
        if stage != "fit" or not isinstance(self.loss, LabelWeighted) or self.loss.class_weights != "balanced":
            return
        labels = training_targets(self.trainer.datamodule, "label", "labels")
        self.loss.balance_labels(labels.sum(dim=0), len(labels))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        x, y = batch
        output = self.net(x)
        logits, *auxiliary = output if isinstance(output, tuple) else (output,)
        target = y.to(logits.dtype)
        loss = self.loss(logits, target)
        # Before auxiliary losses and penalty are added, so that train/loss and val/loss are the same quantity.
        self.means.add(len(x), loss=loss)
        for each in auxiliary:
            loss = loss + self.auxiliary_weight * self.loss(each, target)
        if self.l1:
            loss = loss + self.l1 * l1_penalty(regularised_parameters(self.net))
        return loss

    def on_validation_start(self) -> None:
        super().on_validation_start()
        self._gathered.reset()

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch)

    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        probabilities, truth = self._gathered.all_of()
        if self.threshold_score is not None:
            self.threshold.copy_(label_scores.best_thresholds(self.threshold_score, probabilities, truth))
        found = label_scores.scores(self.validation_scores, probabilities, truth, self.threshold)
        watched = self.monitor.removeprefix("val/")
        if watched.startswith("f1_") and watched not in found:
            found |= self._by_label(LabelCounts.of(probabilities >= self.threshold, truth), [watched])
        for name in dict.fromkeys([*self.validation_scores, *found]):
            if name in found:
                self.log(f"val/{name}", found[name])
            elif self.trainer.sanity_checking:  # a few samples, which may have no label
                self.log(f"val/{name}", float("nan"))
            elif self.monitor == f"val/{name}":
                raise DataError(
                    f"{self.monitor} is undefined: no validation sample has a label, or each has all;",
                    "it compares samples with a label and samples without it;",
                    "try a larger data.val_fraction, or task.monitor=val/loss task.mode=min.",
                )

    def on_test_start(self) -> None:
        super().on_test_start()
        self._gathered.reset()
        self.scored = None

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        self._evaluate(batch)

    def on_test_epoch_end(self) -> None:
        super().on_test_epoch_end()
        self.scored = ScoredLabels(*self._gathered.all_of())
        for name, value in label_scores.scores(label_scores.NAMES, *self.scored, self.threshold).items():
            self.log(f"test/{name}", value)
        counts = LabelCounts.of(self.scored.probabilities >= self.threshold, self.scored.labels)
        if self.num_outputs <= self.MOST_NAMED:
            for name, value in self._by_label(counts).items():
                self.log(f"test/{name}", value)
        self._warn_of_labels(counts)

    @property
    def label_table(self) -> list[dict[str, Any]]:
        """The scores of each label in the last test, without its name; None for a score that is undefined."""
        if self.scored is None:
            return []
        probabilities, truth = self.scored
        counts = LabelCounts.of(probabilities >= self.threshold, truth)
        columns = {
            "precision": label_scores.precision(counts),
            "recall": label_scores.recall(counts),
            "f1": label_scores.f1(counts),
            "average_precision": label_scores.average_precision(probabilities, truth),
            "auroc": label_scores.auroc(probabilities, truth),
            "threshold": self.threshold,
        }
        values = {
            name: [None if each != each else each for each in column.tolist()] for name, column in columns.items()
        }
        values["support"] = counts.positives.tolist()
        return [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        """Return the probability of each label (B, L). The sigmoid is applied here; losses take the net's logits."""
        x = batch if isinstance(batch, Tensor) else batch[0]
        return self.net(x).sigmoid()

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        """Return the columns of the prediction table: the labels that are set, and the probability of each label."""
        probabilities = self.predict_step(x, 0).float()
        names = labels or [str(number) for number in range(self.num_outputs)]
        return {
            "prediction": label_lists(probabilities >= self.threshold, names),
            **{f"probability_{name}": each.tolist() for name, each in zip(names, probabilities.T, strict=True)},
        }

    def export_signature(self) -> ExportSignature:
        """Return the signature of logits and probabilities of the labels."""

        def classify(x: Tensor) -> tuple[Tensor, Tensor]:
            logits = self.net(x)
            return logits, logits.sigmoid()

        size = f"(batch, {self.num_outputs})"
        outputs = [
            TensorSpec("logits", size),
            TensorSpec("probabilities", f"{size}, a label is set from its number in thresholds on"),
        ]

        def right(made: Mapping[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
            decisions = made["logits"].sigmoid() >= self.threshold.cpu()
            return (decisions == (y > 0)).float().mean(dim=1)

        score = Score("hamming_accuracy", right)
        return ExportSignature(self, classify, [TensorSpec("input", "a sample")], outputs, score=score)

    def export_facts(self) -> dict[str, Any]:
        """Return the thresholds, in the order of the labels."""
        return {"thresholds": [round(each, 6) for each in self.threshold.tolist()]}

    def _evaluate(self, batch: tuple[Tensor, Tensor]) -> None:
        x, y = batch
        logits = self.net(x)
        target = y.to(logits.dtype)
        self.means.add(len(x), **{name: loss(logits, target) for name, loss in self.criteria.items()})
        # float32, since 16 bits round near 1.
        self._gathered.update(logits.float().sigmoid(), y > 0)

    def _by_label(self, counts: LabelCounts, wanted: Sequence[str] | None = None) -> dict[str, Tensor]:
        """F1 of each label for which it is defined, as ``f1_<label>``."""
        names = class_names(self.trainer.datamodule) or [str(number) for number in range(self.num_outputs)]
        values = {f"f1_{metric_name(name)}": each for name, each in zip(names, label_scores.f1(counts), strict=True)}
        return {
            name: value.float()
            for name, value in values.items()
            if not value.isnan() and (wanted is None or name in wanted)
        }

    def _warn_of_labels(self, counts: LabelCounts) -> None:
        names = class_names(self.trainer.datamodule) or [str(number) for number in range(self.num_outputs)]
        never = ((counts.predicted == 0) & (counts.positives > 0)).tolist()
        missed = [name for name, each in zip(names, never, strict=True) if each]
        if not missed:
            return
        shown = f"{', '.join(map(repr, missed[:5]))}{', ...' * (len(missed) > 5)} for no test sample, which some have"
        if not counts.predicted.any():
            shown = "no label for any test sample"
        log.warning("the network sets %s; try loss.class_weights=balanced, task.threshold=f1 or more epochs", shown)


def _keep_given_threshold(task: Any, state_dict: dict[str, Any], prefix: str, *_: Any) -> None:
    """Replace the saved threshold by one that the config gives: a trained network is tested with other thresholds."""
    if task.threshold_score is None:
        state_dict[f"{prefix}threshold"] = task.threshold
