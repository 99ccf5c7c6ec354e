"""Baselines of VAEs and GANs: a Gaussian, and a mixture of Gaussians, fitted to pixels or to standardised columns.

Samples of both are scored as those of the network are, by the same features and as many samples. Where the network has
a density, that of the baselines is compared too: in nats, summed over the numbers of a sample. No direction of theirs
has a smaller deviation than the likelihood of the network can have, because without one a density has no upper bound.

Of these there is none: a Bernoulli likelihood of grey pixels, which is no density; discrete likelihoods, which are
probabilities; conditional networks, whose density is that of a sample given its class.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.baselines.rows import has_rows
from netyard.baselines.scores import Mode, Scores
from netyard.io.fingerprint import fingerprint
from netyard.metrics.sample_scorer import SampleScorer
from netyard.tasks.interfaces import ScoresSamples, has_split, scored_as, shows_images

VERSION = 2
_MOST, _MOST_VALIDATED, _MOST_SCORED = 5_000, 2_000, 10_000
_MOST_NUMBERS = 2**24  # of the training samples: 128 MiB
_MOST_COMPONENTS = 64  # principal components that a mixture is fitted in; the rest has one deviation
_COUNTS = {"full": (2, 5, 10, 20), "diag": (10, 30)}  # Gaussians of a mixture, by the type of their covariances
_PER_GAUSSIAN = 4  # samples, at least
_SMALLEST_STD = 0.01  # of pixels in [0, 1] and of standardised columns, where the network has no density
_SEED = 0


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The features that samples are compared by, the numbers of samples, and the density of the network."""
    scorer = _scorer_of(task)
    found: dict[str, Any] = {"density": _smallest_std(task), "shape": list(data.input_shape or [])}
    if scorer is None:
        return found
    features = scorer.features
    if features not in ("auto", "inception") and scorer.network is not None:
        features = fingerprint(network=dict(scorer.network.state_dict()))
    return found | {"features": features, "samples": dict(scorer.num_samples)}


def scores(task: Any, data: Any, stage: str) -> Scores:
    """The densities and the scores of samples, of a Gaussian and a mixture."""
    if not has_rows(data):
        return Scores({}, "min")
    std = _smallest_std(task)
    fitted = _fit(data, _SMALLEST_STD)
    values: dict[str, dict[str, float]] = {}
    tested = None
    mode: Mode = "min"
    if std is not None:
        tested = _MOST_SCORED if len(data.split(stage)) > _MOST_SCORED else None
        rows = [*_rows(data, stage, _MOST_SCORED)]
        bounded = fitted if std == _SMALLEST_STD else _fit(data, std)
        for name, model in bounded.models.items():
            nats = float(np.concatenate([model.log_density(x) for x in rows]).mean())
            values.setdefault("nll", {})[name], values.setdefault("elbo", {})[name] = -nats, nats
        if stage == "val":  # a validation has no nll
            values.pop("nll")
            mode = "max"
    values |= _compared(task, data, stage, fitted)
    return Scores(values, mode, fitted.subset, tested, fitted.chosen)


def sample_scores(task: Any, data: Any, stage: str) -> Scores:
    """The scores of samples alone."""
    if not has_rows(data) or _scorer_of(task) is None:
        return Scores({}, "min")
    fitted = _fit(data, _SMALLEST_STD)
    return Scores(_compared(task, data, stage, fitted), "min", fitted.subset, None, fitted.chosen)


@dataclass(frozen=True)
class _Fitted:
    models: dict[str, Mixture]
    chosen: dict[str, dict[str, Any]]
    subset: int | None


def _smallest_std(task: Any) -> float | None:
    """The smallest deviation that the likelihood of a network can have; None if it has no density to compare."""
    return None if getattr(task, "conditional", False) else getattr(task.loss, "smallest_std", None)


def _scorer_of(task: Any) -> SampleScorer | None:
    """What the samples of the network are scored by; None if they are not. Without a run: what is the default."""
    trainer = getattr(task, "_trainer", None)  # task.trainer is an error where there is none
    if trainer is None:
        return SampleScorer()
    return next((each.scorer for each in trainer.callbacks if isinstance(each, ScoresSamples)), None)


def _compared(task: Any, data: Any, stage: str, fitted: _Fitted) -> dict[str, dict[str, float]]:
    """The scores of samples that are drawn from the models."""
    scorer = _scorer_of(task)
    values: dict[str, dict[str, float]] = {}
    if scorer is None or scored_as(task, data) is None:
        return values
    for name, model in fitted.models.items():

        def draw(count: int, seed: int, model: Mixture = model) -> Tensor:
            drawn = torch.from_numpy(model.sample(count, seed)).float().view(count, *data.input_shape)
            return drawn.clamp(0, 1) if shows_images(data) else drawn

        for metric, value in scorer.scores_of(scored_as(task, data), data, stage, draw, task.device).items():
            values.setdefault(metric, {})[name] = value
    return values


def inputs_of(data: Any, name: str, most: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of samples of a split as inputs of a network, on the CPU, with their targets."""
    for x, y in data.real_samples(name, most, seed=_SEED):
        x = x.cpu().float()
        # Rows of a table and windows of a series are stored as a network reads them.
        yield (data.normalize(x) if getattr(data, "image_size", None) is not None else x), y.cpu()


def _rows(data: Any, name: str, most: int) -> Iterator[np.ndarray]:
    """Batches of pixels in [0, 1], or of other inputs of a network, (n, F) in float64."""
    read = data.real_samples(name, most, seed=_SEED) if shows_images(data) else inputs_of(data, name, most)
    for x, _ in read:
        yield x.cpu().flatten(1).double().numpy()


def _fit(data: Any, smallest_std: float) -> _Fitted:
    total = len(data.split("train"))
    most = min(_MOST, max(1, _MOST_NUMBERS // max(1, math.prod(data.input_shape or [1]))))
    x = np.concatenate([*_rows(data, "train", most)])
    val = np.concatenate([*_rows(data, "val", _MOST_VALIDATED)]) if has_split(data, "val") else None
    space = Components.of(x, smallest_std)
    models = {"gaussian": Mixture.fit(space, x, 1, "full")}
    subset = len(x) if len(x) < total else None
    best = None
    for kind, counts in _COUNTS.items():
        for count in counts:
            if count * _PER_GAUSSIAN > len(x) or space.size == 0:
                continue
            model = Mixture.fit(space, x, count, kind)
            # Without a validation part the first number is taken: the training part would choose the largest.
            value = float(model.log_density(val).mean()) if val is not None else 0.0
            if math.isfinite(value) and (best is None or value > best[0]):
                best = value, model, {"n_components": count, "covariance_type": kind}
    if best is None:
        return _Fitted(models, {}, subset)
    return _Fitted({"gaussian_mixture": best[1], **models}, {"gaussian_mixture": best[2]}, subset)


@dataclass(frozen=True)
class Components:
    """Principal components of samples, and the deviation of what is outside of them.

    basis: (F, D), orthonormal; outside: the mean variance of the other F - D directions.
    """

    mean: np.ndarray
    basis: np.ndarray
    outside: float
    smallest_std: float

    @staticmethod
    def of(x: np.ndarray, smallest_std: float) -> Components:
        """The components of largest variance of x (N, F), without those that never change."""
        from sklearn.decomposition import PCA

        count, features = x.shape
        # All components of a few samples leave no variance outside, and so a density that is far too narrow there.
        most = min(_MOST_COMPONENTS, features if count > features else max((count - 1) // 2, 1), count - 1)
        mean = x.mean(axis=0)
        variance = float(x.var(axis=0).sum())
        if most < 1 or variance == 0:
            return Components(mean, np.zeros((features, 0)), 0.0, smallest_std)
        solver = "full" if min(count, features) <= 500 else "randomized"
        found = PCA(most, svd_solver=solver, random_state=_SEED).fit(x)
        kept = found.explained_variance_ > 1e-9 * found.explained_variance_[0]
        basis = found.components_[kept].T
        left = variance - float(found.explained_variance_[kept].sum()) * (count - 1) / count
        rest = features - basis.shape[1]
        # What rounding leaves of no variance is none.
        outside = left / rest if rest and left > 1e-9 * variance else 0.0
        return Components(mean, basis, outside, smallest_std)

    @property
    def size(self) -> int:
        return int(self.basis.shape[1])

    def inside(self, x: np.ndarray) -> np.ndarray:
        """(N, F) -> (N, D)"""
        found: np.ndarray = (x - self.mean) @ self.basis
        return found

    def log_density_outside(self, x: np.ndarray) -> np.ndarray:
        """The log-density of what components do not hold of x (N, F): (N,), in nats."""
        rest = x.shape[1] - self.size
        if not rest:
            return np.zeros(len(x))
        centred = x - self.mean
        square = np.square(centred - centred @ self.basis @ self.basis.T).sum(axis=1)
        variance = max(self.outside, self.smallest_std**2)
        found: np.ndarray = -0.5 * (square / variance + rest * math.log(2 * math.pi * variance))
        return found


@dataclass(frozen=True)
class Mixture:
    """Gaussians in the space of some components, with one deviation outside of it."""

    space: Components
    found: Any
    """A ``sklearn.mixture.GaussianMixture``; None in a space without dimensions."""

    @staticmethod
    def fit(space: Components, x: np.ndarray, count: int, kind: str) -> Mixture:
        """Fit ``count`` Gaussians with covariances of a kind by expectation maximisation, from k-means."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        if space.size == 0:
            return Mixture(space, None)
        mixture = GaussianMixture(
            count, covariance_type=kind, reg_covar=space.smallest_std**2, max_iter=50, random_state=_SEED
        )
        with warnings.catch_warnings():
            # Few iterations, or fewer distinct samples than Gaussians: the validation part chooses.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return Mixture(space, mixture.fit(space.inside(x)))

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """(N, F) -> (N,), in nats."""
        outside = self.space.log_density_outside(x)
        if self.found is None:
            return outside
        inside: np.ndarray = self.found.score_samples(self.space.inside(x))
        return inside + outside

    def sample(self, count: int, seed: int) -> np.ndarray:
        """Samples (count, F)."""
        random = np.random.default_rng(seed)
        features = len(self.space.mean)
        noise = random.standard_normal((count, features))
        # Outside of the components with the measured deviation, so that what never changes stays as it is.
        noise = (noise - noise @ self.space.basis @ self.space.basis.T) * math.sqrt(self.space.outside)
        if self.found is None:
            return self.space.mean + noise
        chosen = random.choice(len(self.found.weights_), count, p=self.found.weights_ / self.found.weights_.sum())
        normal = random.standard_normal((count, self.space.size))
        drawn = np.empty_like(normal)
        for place in np.unique(chosen):
            own, covariance = chosen == place, self.found.covariances_[place]
            factor = np.diag(np.sqrt(covariance)) if covariance.ndim == 1 else np.linalg.cholesky(covariance)
            drawn[own] = self.found.means_[place] + normal[own] @ factor.T
        made: np.ndarray = self.space.mean + drawn @ self.space.basis.T + noise
        return made
