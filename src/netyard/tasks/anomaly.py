"""Anomaly detection: a score of how unlike the normal training samples a sample is, and a threshold for it."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Literal

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.metrics.false_alarms import conformal_threshold, smallest_count
from netyard.metrics.ranked_areas import ranked_areas
from netyard.metrics.whitening import Whitening
from netyard.ranges.bounds import Count, NotNegative, OneOf, Part
from netyard.ranges.signature import check
from netyard.tasks.interfaces import HasSplits, PlainTraining, has_classes, has_split, mixes_samples
from netyard.tasks.parts.alarms import Alarms, SeriesScale, normal_labels
from netyard.tasks.parts.corruption import NOISES
from netyard.tasks.reconstruction import Batch, Reconstruction
from netyard.tasks.signature import ExportSignature, Score, TensorSpec, mean_square


class Anomaly(Reconstruction):
    """Train an autoencoder on normal samples, and score all by their distance from those.

    Of training and validation only normal samples are used. Before each validation the means and covariances of codes
    and residuals (reconstruction minus input) are measured on normal training samples; ``score`` is the sum of the two
    squared Mahalanobis distances, divided by the numbers of dimensions. The threshold is the quantile of the scores of
    the normal validation samples that is exceeded by a normal sample with a probability of at most ``false_alarms``
    (split conformal prediction, Vovk et al. 2005); validation samples fewer than ``1 / false_alarms - 1`` cannot show
    such a quantile, and the largest score is used, with a warning. Both are saved with the weights.

    Logs ``loss`` and ``mse`` of normal samples, in validation also ``threshold``. A test adds, of data with classes,
    ``auroc``, ``average_precision``, ``recall`` (the share of anomalies above the threshold) and ``false_alarms`` (the
    share of normal samples above it); of others ``alarms``, the share of all samples above it; and the ``score_mean``
    and ``score_max`` of the samples. ``alarms`` keeps the scores for callbacks that plot them.

    Args:
        net: see ``netyard.tasks.parts.coders.Coder``.
        normal: the names of the normal classes; None for data without classes, of which all samples are normal.
        false_alarms: the share of normal samples that may be taken for anomalies.
        score: ``mahalanobis``, or ``error``, the mean squared residual.
        num_columns, num_series: of series, whose windows are standardised by the statistics of each.
        loss, optimizer, scheduler, input_shape, noise, noise_level, monitor, mode: see ``Reconstruction``.

    Raises:
        ArgumentError: see ``Reconstruction``; before training, the data have no such class, normal samples are missing
            in training or validation, there is no validation, or an augmentation mixes samples.
    """

    reads_classes = in_own_units = False
    baseline_kind = "anomalies"
    # Limits: training samples of the covariances; elements of a residual with a full covariance matrix, beyond which
    # only variances are measured.
    NUM_MEASURED, NUM_CORRELATED = 4096, 512

    threshold: Tensor

    def __init__(
        self,
        net: nn.Module,
        loss: nn.Module,
        optimizer: partial[torch.optim.Optimizer],
        scheduler: Callable[..., Any],
        input_shape: Sequence[Count],
        normal: str | list[str] | None = None,
        false_alarms: Part = 0.01,
        score: Literal["mahalanobis", "error"] = "mahalanobis",
        noise: Annotated[str, OneOf(NOISES)] = "none",
        noise_level: NotNegative = 0.3,
        num_columns: Count = 1,
        num_series: Count = 1,
        monitor: str = "val/loss",
        mode: Literal["min", "max"] = "min",
    ) -> None:
        check(Anomaly, locals(), "task")
        super().__init__(net, loss, optimizer, scheduler, input_shape, noise, noise_level, monitor=monitor, mode=mode)
        # A single class may be given as a number by YAML.
        self.normal = None if normal is None else [*map(str, normal)] if isinstance(normal, list) else [str(normal)]
        self.false_alarms, self.score_kind = false_alarms, score
        size = math.prod(input_shape)
        self.code_distance = Whitening(_code_size(net, input_shape), full=True)
        self.residual_distance = Whitening(size, full=size <= self.NUM_CORRELATED)
        self.scale = SeriesScale(num_series, num_columns)
        self.register_buffer("threshold", torch.tensor(float("nan")))
        self.alarms: Alarms | None = None
        self._normal_labels: Tensor | None = None
        self._scores: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._told = False

    def setup(self, stage: str) -> None:
        data = self.trainer.datamodule
        self._normal_labels = normal_labels(self.normal, data)
        if stage == "fit":
            _check_training(data, self._normal_labels)

    def on_fit_start(self) -> None:
        super().on_fit_start()
        self.scale.set_statistics(self.trainer.datamodule)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        objective, devices = super().training_step(batch, batch_idx), self.trainer.world_size
        if devices == 1:
            return objective
        # Gradients are averaged over devices, whose parts of the batch have different numbers of normal samples.
        count = self._is_normal(batch[1]).sum().to(torch.float32)
        total = self.trainer.strategy.reduce(count.clone(), reduce_op="sum")
        return objective * (count * devices / total.clamp(min=1))

    def learned(self, batch: Batch) -> Tensor:
        """Return the inputs of a batch that are normal."""
        return self.scale(batch[0][self._is_normal(batch[1])])

    def normal_classes(self, data: Any) -> Tensor | None:
        """Return the labels of the normal classes of the data, int64; None if they have no classes."""
        return normal_labels(self.normal, data)

    def _is_normal(self, y: Tensor) -> Tensor:
        if self._normal_labels is None:
            return torch.ones(len(y), dtype=torch.bool, device=y.device)
        return torch.isin(y, self._normal_labels.to(y.device))

    def predict_step(self, batch: tuple[Tensor, ...] | Tensor, batch_idx: int) -> Tensor:
        """Return the scores (B,)."""
        return self.score(batch if isinstance(batch, Tensor) else batch[0])

    def score(self, x: Tensor) -> Tensor:
        """Score normalised inputs of the data: (B, *input_shape) -> float32 (B,), large for anomalies."""
        x = self.scale(x)
        code = self.net.encode(x)
        return self._score(code, self.net.decode(code) - x)

    def codes_of(self, x: Tensor) -> Tensor:
        return super().codes_of(self.scale(x))

    def sample_of(self, codes: Tensor) -> Tensor:
        if self.scale.num_series > 1:
            raise ArgumentError(
                f"the run has {self.scale.num_series} series, each with a scale of its own;",
                "a code does not say which of them it is of;",
                "try a run of one series, or task=reconstruction.",
            )
        made = super().sample_of(codes)
        return self.scale.inverse(made, made)

    def _score(self, code: Tensor, residual: Tensor) -> Tensor:
        residual = residual.float().flatten(1)
        if self.score_kind == "error":
            return residual.square().mean(dim=1)
        far = self.code_distance(code.float()) + self.residual_distance(residual)
        return far / (code.shape[1] + residual.shape[1])

    # Validation: covariances of the training samples, then the threshold

    def on_validation_epoch_start(self) -> None:
        # Not in on_validation_start, at which a callback has not yet put averaged weights in place.
        self._scores = []
        if self.score_kind == "mahalanobis":
            self._measure()

    @torch.no_grad()
    def _measure(self) -> None:
        """Measure means and covariances of codes and residuals on normal training samples, the same on every device."""
        data = self.trainer.datamodule
        loader = data.plain_train_dataloader() if isinstance(data, PlainTraining) else data.train_dataloader()
        codes, residuals, count = [], [], 0
        for batch in loader:
            x = self.learned(self.trainer.strategy.batch_to_device(batch, self.device))
            code = self.net.encode(x)
            codes.append(code.float())
            residuals.append((self.net.decode(code) - x).float().flatten(1))
            count += len(batch[0]) * self.trainer.world_size  # each device sees its own samples; gathered below
            if count >= self.NUM_MEASURED:
                break
        self.code_distance.measure(self.gathered(codes))
        self.residual_distance.measure(self.gathered(residuals))

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        super().validation_step(batch, batch_idx)
        self._scores.append(self.score(batch[0][self._is_normal(batch[1])]))

    def on_validation_epoch_end(self) -> None:
        scores = self.gathered(self._scores)
        threshold, enough = conformal_threshold(scores, self.false_alarms)
        if not enough and not self._told and self.trainer.is_global_zero and not self.trainer.sanity_checking:
            self._told = True
            self._tell_few(len(scores))
        self.threshold.fill_(threshold)
        super().on_validation_epoch_end()
        self.log("val/threshold", self.threshold, rank_zero_only=False)

    def _tell_few(self, count: int) -> None:
        # Rounded up: the share that is proposed has to be one that so many samples can show.
        share = math.ceil(1000 / (count + 1)) / 1000
        logging.getLogger(__name__).warning(
            "validation has %d normal sample(s), and a share of false alarms of %g needs %d; the threshold is their"
            " largest score, which a share of about %g of normal samples exceeds; try task.false_alarms=%g or a larger"
            " data.val_fraction",
            *(count, self.false_alarms, smallest_count(self.false_alarms), share, share),
        )

    # Test

    def on_test_start(self) -> None:
        super().on_test_start()
        self.alarms, self._scores, self._labels = None, [], []

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._evaluate(batch, batch_idx)
        self._scores.append(self.score(batch[0]))
        # Labels of data without classes are numbers of another meaning.
        y = batch[1] if has_classes(self.trainer.datamodule) else torch.zeros(len(batch[0]), dtype=torch.long)
        self._labels.append(y.to(self.device))

    def on_test_epoch_end(self) -> None:
        scores, labels = self.gathered(self._scores), self.gathered(self._labels)
        anomalous = None if self._normal_labels is None else ~self._is_normal(labels)
        self.alarms = Alarms(scores, labels, anomalous, float(self.threshold))
        # The page of a run shows the first ones.
        if anomalous is not None:
            self.log_dict({f"test/{name}": value for name, value in ranked_areas(scores, anomalous).items()})
        self.log_dict({f"test/{name}": value for name, value in self.alarms.statistics().items()})
        super().on_test_epoch_end()

    def prediction_columns(self, x: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        """Return the columns of the prediction table: score, threshold, and whether the score is above it."""
        scores = self.score(x)
        alarms = (scores > self.threshold).tolist()
        threshold = [float(self.threshold)] * len(scores)
        return {"score": scores.tolist(), "threshold": threshold, "anomaly": [str(each).lower() for each in alarms]}

    def export_signature(self) -> ExportSignature:
        """Return the signature of the score and the reconstruction."""

        def scored(x: Tensor) -> tuple[Tensor, Tensor]:
            scaled = self.scale(x)
            code = self.net.encode(scaled)
            made = self.net.decode(code)
            return self._score(code, made - scaled), self.scale.inverse(made, x)

        meaning = f"(batch,), an anomaly above the threshold {float(self.threshold):.9g}"
        outputs = TensorSpec("score", meaning), TensorSpec("reconstruction", "like the input")
        score = Score("mse", lambda made, x, y: mean_square(made["reconstruction"], x))
        inputs = [TensorSpec("input", "a sample")]
        return ExportSignature(self, scored, inputs, outputs, like_data=["reconstruction"], score=score)


def _code_size(net: nn.Module, input_shape: Sequence[int]) -> int:
    device = next((each.device for each in net.parameters()), torch.device("cpu"))
    training = net.training
    net.eval()  # in training mode batch norm needs more than one sample
    try:
        with torch.no_grad():
            return int(net.encode(torch.zeros(1, *input_shape, device=device)).shape[1])
    finally:
        net.train(training)


def _check_training(data: Any, normal: Tensor | None) -> None:
    """Raise ArgumentError if there is nothing normal to learn, or nothing to choose the threshold on."""
    if mixes_samples(data):
        raise ArgumentError(
            "the augmentation mixes samples, and the task is anomaly;",
            "a mixture of a normal sample and another is not normal;",
            "try augmentation=none.",
        )
    if not has_split(data, "val"):
        raise ArgumentError(
            "the run has no validation, and the task is anomaly;",
            "its threshold is chosen on normal samples of the validation split;",
            "try data.val_fraction=0.1.",
        )
    if normal is None or not isinstance(data, HasSplits):
        return
    for name, least in (("train", 2), ("val", 1)):
        y = data.split(name).y
        count = int(torch.isin(y.cpu(), normal).sum())
        if count < least:
            raise ArgumentError(
                f"{count} of the {len(y)} samples of the {name} split are normal;",
                f"training and validation use normal samples only, and {name} needs at least {least};",
                "try another task.normal, or a larger data.val_fraction." if count else "try another task.normal.",
            )
