"""Scores generated samples by their distance from real ones: images in the feature space of a classifier, or rows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

from netyard.callbacks.attach import RunFacts
from netyard.io.fingerprint import fingerprint
from netyard.metrics.cache import cached
from netyard.metrics.diversity import diversity
from netyard.metrics.fid import frechet_distance
from netyard.metrics.inception import Inception
from netyard.metrics.kid import kernel_distance
from netyard.metrics.precision_recall import manifold_scores
from netyard.metrics.reference_classifier import BATCH_SIZE, SmallClassifier, accuracy, measure_norms, train_classifier
from netyard.ranges.bounds import Classes, NotNegative
from netyard.tasks.interfaces import (
    DrawsImages,
    DrawsRows,
    RealSamples,
    has_classes,
    has_split,
    shows_images,
    shows_rows,
)

log = logging.getLogger(__name__)

PORTION = 256  # samples generated at once, each portion from its own seed
# Far from the seeds that users choose, so that the samples differ from those of training.
SEEDS = {"val": 1_000_000, "test": 2_000_000}
NUM_MEASURED = 1024  # training images that the batch norms of an untrained network are measured on
PER_REAL, FEWEST_OF_SMALL = 32, 1024  # generated for each real sample of a small split, and at least
DETAILED_SAMPLES = 5000  # of the scores that compare all pairs of images, whose time grows with the square


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
        self.features = features
        self.network: Any = None  # images (B, C, H, W) in [0, 1], or rows (B, F) -> features (B, D)
        self.num_samples = {"val": num_val_samples, "test": num_test_samples}
        self.diversity_threshold = diversity_threshold
        self.cache = Path(cache).expanduser()
        self._real: dict[str, tuple[Tensor, Tensor]] = {}  # by split: features (N, D), labels (N,)
        self._were_diverse = self._warned = False

    def attach(self, run: RunFacts) -> None:
        if self.features not in ("auto", "inception"):
            self.network = run.feature_network(self.features)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._prepare(trainer, pl_module)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._prepare(trainer, pl_module)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.network is None:
            return
        if trainer.sanity_checking:  # the sanity check only needs the names of the metrics
            pl_module.log_dict({"val/frechet_distance": torch.nan, "val/diversity": torch.nan}, batch_size=1)
            return
        self._score(trainer, pl_module, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.network is not None:
            self._score(trainer, pl_module, "test")

    # The network

    def _prepare(self, trainer: Trainer, task: LightningModule) -> None:
        """Make the feature network before the first batch, if the task generates samples; else set it to None."""
        data: Any = trainer.datamodule
        if not isinstance(data, RealSamples):
            self.network = None
            return
        if isinstance(task, DrawsRows) and shows_rows(data):
            self.network = nn.Identity()
            return
        if not isinstance(task, DrawsImages) or not shows_images(data):  # sequences are not compared
            self.network = None
            return
        device = task.device  # type: ignore[attr-defined]  # mypy takes it for the protocol alone
        if self.network is None and self.features == "auto":
            self.network = self._classifier(data, device) if has_classes(data) else self._untrained(data, device)
        elif self.network is None:
            self.network = Inception(self.cache.parent / "inception")
        self.network.to(device).eval()

    @torch.inference_mode(False)  # a test runs in inference mode, whose tensors cannot require gradients
    def _classifier(self, data: Any, device: torch.device) -> nn.Module:
        """Return the small classifier of a data set: from the cache, or trained now, by one process for all."""
        train = data.split("train")
        with torch.random.fork_rng(devices=[]):  # the run's own random state stays as it is
            torch.manual_seed(0)  # a fixed seed, not the run's: all runs on these data share the classifier
            net = SmallClassifier(data.channels, data.num_classes)

        def learn() -> dict[str, Tensor]:
            log.info("training a small classifier on these images, once; samples are scored by its features")
            train_classifier(
                net.to(device),
                lambda epoch: _on(device, data.real_samples("train", None, BATCH_SIZE, epoch)),
                len(train),
            )
            if has_split(data, "val"):
                score = accuracy(net, _on(device, data.real_samples("val")))
                log.info("its validation accuracy is %.1f %%", 100 * score)
            return net.state_dict()

        # The key contains all that the weights depend on; ``classifier`` is the version of the training procedure.
        key = fingerprint(classifier=1, classes=data.num_classes, channels=data.channels, **train.content)
        net.load_state_dict(cached(self.cache, key, learn))
        return net

    @torch.inference_mode(False)
    def _untrained(self, data: Any, device: torch.device) -> nn.Module:
        """Return the network of the classifier with random weights, the same for all runs on data without classes.

        Its batch norms are measured on training images: with random filters alone, features would hardly differ.
        """
        log.info(
            "samples are scored by the features of an untrained network, as the data have no classes;"
            " callbacks.scores.features=inception or RUN_DIR changes it"
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = SmallClassifier(data.channels, 2)

        def measure() -> dict[str, Tensor]:
            batches = list(_on(device, data.real_samples("train", NUM_MEASURED, BATCH_SIZE)))
            measure_norms(net.to(device), (x for x, _ in batches))
            return net.state_dict()

        key = fingerprint(untrained=1, channels=data.channels, **data.split("train").content)
        net.load_state_dict(cached(self.cache, key, measure))
        return net

    # The scores

    def _score(self, trainer: Trainer, task: Any, stage: str) -> None:
        real, labels = self._real_features(trainer.datamodule, task.device, stage)
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
        ratio = diversity(real, generated)
        scores = {"frechet_distance": frechet_distance(real, generated), "diversity": ratio}
        if stage == "test":
            scores |= _detailed_scores(real, generated)
        task.log_dict({f"{stage}/{name}": value.float() for name, value in scores.items()}, batch_size=1)
        self._warn_of_collapse(float(ratio), stage)

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
    def _real_features(self, data: Any, device: torch.device, stage: str) -> tuple[Tensor, Tensor]:
        """Return features (N, D) and labels (N,) of the real split, computed once for all runs with these data."""
        if stage not in self._real:
            most = self.num_samples["test"]

            def compute() -> dict[str, Tensor]:
                parts = [(self.network(x), y) for x, y in _on(device, data.real_samples(stage, most))]
                features, labels = (torch.cat(part) for part in zip(*parts, strict=True))
                return {"features": features.float(), "labels": labels}

            # The weights are part of the key: features of another classifier are not comparable.
            key = fingerprint(network=dict(self.network.state_dict()), most=most, **data.split(stage).content)
            kept = cached(self.cache, key, compute)
            self._real[stage] = kept["features"], kept["labels"]
        return self._real[stage]

    @torch.no_grad()
    def _generated_features(self, trainer: Trainer, task: Any, labels: Tensor, stage: str) -> Tensor:
        """Return features (M, D) of generated samples; the samples do not depend on the number of devices."""
        # A distance from a few real samples is uncertain because of them: more generated ones do not make it better.
        count = min(self.num_samples[stage], max(FEWEST_OF_SMALL, PER_REAL * len(labels)))
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
            parts.append(self.network(drawn.to(task.device)).float())
        features = torch.stack(parts)  # (rounds, PORTION, D)
        if world > 1:
            # all_gather puts the ranks first; transposed, the portions are in their order again.
            features = task.all_gather(features).transpose(0, 1)  # (rounds, world, PORTION, D)
        return features.flatten(0, -2)[:count]


def _on(device: torch.device, batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """Move batches to the device one at a time."""
    return ((x.to(device), y.to(device)) for x, y in batches)


def _detailed_scores(real: Tensor, generated: Tensor) -> dict[str, Tensor]:
    """Compute the scores that take seconds, on real and generated sets of equal size."""
    most = min(len(real), len(generated), DETAILED_SAMPLES)
    real, generated = real[:most], generated[:most]
    scores = {"kernel_distance": kernel_distance(real, generated).mean}
    if most > 5:  # the radius of a sample is the distance to its fifth neighbour
        scores |= manifold_scores(real, generated)._asdict()
    return scores
