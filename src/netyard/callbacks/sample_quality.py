"""Scores generated samples by their distance from real ones: images in the feature space of a classifier, or rows."""

from __future__ import annotations

import logging
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from netyard.callbacks.attach import RunFacts
from netyard.metrics.sample_scorer import PORTION, SEEDS, SampleScorer, compare
from netyard.ranges.bounds import Classes, NotNegative
from netyard.tasks.interfaces import scored_as, shows_images

log = logging.getLogger(__name__)


class SampleScores(Callback):
    """Compares generated samples with the real ones of the validation or test split; ignores other tasks and data.

    Images are compared by features of a network, rows of a table by their standardised numbers.

    Logs ``frechet_distance`` and ``diversity``, and after a test also ``kernel_distance``, ``precision``, ``recall``,
    ``density`` and ``coverage`` (see ``netyard.metrics``). Up to ``num_test_samples`` samples of the real split are
    used, and their features are cached. A conditional network gets the labels of the real samples. Samples have their
    own seeds, the same in every epoch, so they change neither the run nor a resumed one. Distances are comparable only
    with the same features and numbers of samples.

    Args:
        features: of images; ``auto`` is a small classifier, trained once on the training split and cached, or of data
            without classes the same network with random weights (Naeem et al. 2020, arXiv:2002.09797); ``inception``;
            or the directory of a run that classifies such images.
        num_val_samples, num_test_samples: number of samples to generate for a validation and for the test; of a small
            real split at most 32 for each of its samples, or 1024.
        diversity_threshold: a diversity below it gives one warning, at the test, or if it was above it before.
        cache: folder for the classifiers and the features of real images.

    Raises:
        DataError, PlatformError: see ``Inception``.
    """

    def __init__(
        self,
        features: str = "auto",
        num_val_samples: Classes = 1024,
        num_test_samples: Classes = 10_000,
        diversity_threshold: NotNegative = 0.1,
        cache: str = "~/.cache/netyard/scores",
    ) -> None:
        self.scorer = SampleScorer(features, {"val": num_val_samples, "test": num_test_samples}, cache)
        self.diversity_threshold = diversity_threshold
        self._were_diverse = self._warned = False

    def attach(self, run: RunFacts) -> None:
        if self.scorer.features not in ("auto", "inception"):
            self.scorer.network = run.feature_network(self.scorer.features)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._prepare(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._prepare(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.scorer.network is None:
            return
        if trainer.sanity_checking:  # the sanity check only needs the names of the metrics
            pl_module.log_dict({"val/frechet_distance": torch.nan, "val/diversity": torch.nan}, batch_size=1)
            return
        self._score(trainer, pl_module, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.scorer.network is not None:
            self._score(trainer, pl_module, "test")

    def _prepare(self, trainer: Trainer, task: Any) -> None:
        kind = scored_as(task, trainer.datamodule)
        self.scorer.prepare(kind, trainer.datamodule, task.device if kind else torch.device("cpu"))

    # The scores

    def _score(self, trainer: Trainer, task: Any, stage: str) -> None:
        real, labels = self.scorer.real_features(trainer.datamodule, task.device, stage)
        if len(real) < 2 and task.monitor != f"{stage}/frechet_distance":
            # A task with a monitor of its own needs no distance, which is refused below.
            log.info("samples are not scored: a distance from %d %s sample is undefined", len(real), stage)
            return
        generated = self._generated_features(trainer, task, labels, stage)
        real = real.to(generated.device)
        # frechet_distance refuses NaN; the callback Finite ends such a run with a better message.
        if not generated.isfinite().all():
            task.log(f"{stage}/frechet_distance", torch.nan)
            return
        scores = compare(real, generated, stage)
        task.log_dict({f"{stage}/{name}": value.float() for name, value in scores.items()}, batch_size=1)
        self._warn_of_collapse(float(scores["diversity"]), stage)

    def _warn_of_collapse(self, ratio: float, stage: str) -> None:
        """Warn once of mode collapse: a generator that draws nearly the same image for all inputs."""
        # Low diversity at the start of training is normal, so only a fall below the threshold counts.
        if ratio >= self.diversity_threshold:
            self._were_diverse = True
        elif (self._were_diverse or stage == "test") and not self._warned:
            self._warned = True
            log.warning(
                "the samples differ from each other %.2g times as much as real ones, less than "
                "callbacks.scores.diversity_threshold=%g: the generator may have collapsed; "
                "try another seed, a smaller optimizer.lr, more epochs, or, for a GAN, task.r1=1.",
                ratio,
                self.diversity_threshold,
            )

    @torch.no_grad()
    def _generated_features(self, trainer: Trainer, task: Any, labels: Tensor, stage: str) -> Tensor:
        """Return features (M, D) of generated samples; the samples do not depend on the number of devices."""
        count = self.scorer.count(stage, len(labels))
        world = trainer.world_size
        num_rounds = -(-count // (PORTION * world))  # rounded up: all ranks need the same number for all_gather
        parts = []
        draw = task.pictures if shows_images(trainer.datamodule) else task.rows
        # Rank r generates the portions r, r + world, r + 2 * world, ...; a portion depends on its own seed only.
        for portion in range(trainer.global_rank, num_rounds * world, world):
            places = torch.arange(PORTION) + portion * PORTION
            conditional = bool(getattr(task, "conditional", False))
            condition = {"label": labels[places % len(labels)]} if conditional else {}
            drawn = draw(PORTION, seed=SEEDS[stage] + portion, **condition)
            parts.append(self.scorer.network(drawn.to(task.device)).float())
        features = torch.stack(parts)  # (rounds, PORTION, D)
        if world > 1:
            # all_gather puts the ranks first; transposed, the portions are in their order again.
            features = task.all_gather(features).transpose(0, 1)  # (rounds, world, PORTION, D)
        return features.flatten(0, -2)[:count]
