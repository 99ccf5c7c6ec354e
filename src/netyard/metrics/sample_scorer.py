"""Scores of generated samples by their distance from real ones: images in the features of a network, or rows."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netyard.io.fingerprint import fingerprint
from netyard.metrics.cache import cached
from netyard.metrics.diversity import diversity
from netyard.metrics.fid import frechet_distance
from netyard.metrics.inception import Inception
from netyard.metrics.kid import kernel_distance
from netyard.metrics.precision_recall import manifold_scores
from netyard.metrics.reference_classifier import BATCH_SIZE, SmallClassifier, accuracy, measure_norms, train_classifier

log = logging.getLogger(__name__)

PORTION = 256  # samples generated at once, each portion from its own seed
# Far from the seeds that users choose, so that the samples differ from those of training.
SEEDS = {"val": 1_000_000, "test": 2_000_000}
NUM_MEASURED = 1024  # training images that the batch norms of an untrained network are measured on
PER_REAL, FEWEST_OF_SMALL = 32, 1024  # generated for each real sample of a small split, and at least
DETAILED_SAMPLES = 5000  # of the scores that compare all pairs of images, whose time grows with the square


class SampleScorer:
    """Compares samples with the real ones of a split; see ``callbacks.sample_quality.SampleScores``.

    Args:
        features: ``auto``, ``inception``, or the directory of a run, whose network is then given as ``network``.
        num_samples: of a validation and of the test, ``{"val": 1024, "test": 10_000}``.
        cache: folder for the classifiers and the features of real images; None: that of ``NETYARD_DATA``.
    """

    def __init__(
        self, features: str = "auto", num_samples: dict[str, int] | None = None, cache: str | Path | None = None
    ) -> None:
        self.features = features
        self.network: Any = None
        """Images (B, C, H, W) in [0, 1], or rows (B, F) -> features (B, D); None: these samples have no scores."""
        self.num_samples = num_samples or {"val": 1024, "test": 10_000}
        place = cache or Path(os.environ.get("NETYARD_DATA") or "~/.cache/netyard") / "scores"
        self.cache = Path(place).expanduser()
        self._real: dict[str, tuple[Tensor, Tensor]] = {}  # by split: features (N, D), labels (N,)

    def scores_of(
        self, kind: str | None, data: Any, stage: str, draw: Callable[[int, int], Tensor], device: torch.device
    ) -> dict[str, float]:
        """Return the scores of samples drawn by ``draw(count, seed)``, as many as of a network.

        Empty if samples of this kind are not scored (see ``prepare``), or there are too few real ones.
        """
        self.prepare(kind, data, device)
        if self.network is None:
            return {}
        real, labels = self.real_features(data, device, stage)
        if len(real) < 2:
            return {}
        count, parts = self.count(stage, len(labels)), []
        with torch.no_grad():
            for portion in range(-(-count // PORTION)):
                parts.append(self.network(draw(PORTION, SEEDS[stage] + portion).to(device)).float())
        found = compare(real.to(device), torch.cat(parts)[:count], stage)
        return {name: float(value) for name, value in found.items()}

    def count(self, stage: str, num_real: int) -> int:
        """The number of samples that are generated for a stage with so many real ones."""
        # A distance from a few real samples is uncertain because of them: more generated ones do not make it better.
        return min(self.num_samples[stage], max(FEWEST_OF_SMALL, PER_REAL * num_real))

    # The network

    def prepare(self, kind: str | None, data: Any, device: torch.device) -> None:
        """Make the feature network for ``images`` or ``rows``; None, samples that are not scored: set it to None."""
        if kind is None:
            self.network = None
            return
        if kind == "rows":
            self.network = nn.Identity()
            return
        if self.network is None and self.features == "auto":
            has_classes = bool(getattr(data, "num_classes", None))
            self.network = self._classifier(data, device) if has_classes else self._untrained(data, device)
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
            if data.has_split("val"):
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

    @torch.no_grad()
    def real_features(self, data: Any, device: torch.device, stage: str) -> tuple[Tensor, Tensor]:
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


def compare(real: Tensor, generated: Tensor, stage: str) -> dict[str, Tensor]:
    """Return the scores of generated features (M, D) beside real ones (N, D); the detailed ones of a test alone."""
    scores = {"frechet_distance": frechet_distance(real, generated), "diversity": diversity(real, generated)}
    return scores | (_detailed_scores(real, generated) if stage == "test" else {})


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
