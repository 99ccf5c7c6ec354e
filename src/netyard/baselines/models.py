"""Models of scikit-learn that are fitted on rows, and tuned on a validation part."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from netyard.baselines.rows import Part, Parts
from netyard.errors import first_line

PredictionColumns = Callable[[Tensor, Sequence[str]], Mapping[str, list[Any]]]
"""Prepared inputs (B, ...) and the names of outputs -> columns by name, of B values each."""

log = logging.getLogger(__name__)

_FEWEST = 50  # training samples below which a model is left out, rather than fitted on a smaller part


@dataclass(frozen=True)
class Sizes:
    """What the time of a model depends on."""

    rows: int
    columns: int
    outputs: int
    """Classes, labels or targets."""
    scored: int


@dataclass(frozen=True)
class Model:
    """A model, and the hyperparameters that are tried."""

    name: str
    build: Callable[..., Any]
    """Hyperparameters by name -> an estimator of scikit-learn."""
    grid: Sequence[Mapping[str, Any]] = ({},)
    default: int = 0
    """The place in ``grid`` of what is chosen without a validation part, and of several equally good ones the nearest
    to it."""
    most: Callable[[Sizes], float] = lambda sizes: sizes.rows
    """The number of training samples that it learns from in a few seconds."""


@dataclass(frozen=True)
class Fitted:
    """A model with the hyperparameters that were chosen for it, fitted on the training part."""

    name: str
    estimator: Any
    chosen: Mapping[str, Any] = field(default_factory=dict)
    rows: int = 0
    """The number of training samples."""
    validated: float | None = None
    """Its score on the validation part."""

    def facts(self, sign: int = 1) -> dict[str, Any]:
        """What ``Scores.fits`` has of it; ``sign`` is -1 where the score is a negative error."""
        return {"samples": self.rows, "validated": None if self.validated is None else sign * self.validated}


def fit_all(
    models: Sequence[Model], parts: Parts, outputs: int, score: Callable[[Any, Part], float]
) -> Iterator[Fitted]:
    """Fit each model with each of its hyperparameters, and keep the best by ``score`` of the validation part.

    A model that cannot be fitted, as one that needs two classes, is left out.

    Args:
        outputs: see ``Sizes``.
        score: (estimator, part) -> a number, large for a good model.
    """
    sizes = Sizes(len(parts.train), int(parts.train.x.shape[1]), outputs, len(parts.scored))
    for model in models:
        rows = min(int(model.most(sizes)), sizes.rows)
        if rows < min(sizes.rows, _FEWEST):
            log.debug("baselines: %s is left out: it takes too long on %s", model.name, sizes)
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of fits that have not converged, and of rare classes
                yield _fitted(model, parts.train.first(rows), parts.val, score)
        except (ValueError, ArithmeticError, MemoryError) as error:
            log.debug("baselines: %s is left out: %s", model.name, first_line(error))


def _fitted(model: Model, train: Part, val: Part | None, score: Callable[[Any, Part], float]) -> Fitted:
    nearest = sorted(range(len(model.grid)), key=lambda place: abs(place - model.default))
    grid = [model.grid[place] for place in nearest[: None if val is not None else 1]]
    fits = [(each, model.build(**each).fit(train.x, train.y)) for each in grid]
    scored = [(estimator, each, score(estimator, val) if val is not None else None) for each, estimator in fits]
    # A few validation samples are often predicted equally well: max() takes the first.
    estimator, chosen, validated = max(scored, key=lambda fit: fit[2] or 0.0)
    return Fitted(model.name, estimator, chosen, len(train), validated)


def refitted(model: Model, train: Part, chosen: Mapping[str, Any], samples: int) -> Any:
    """The estimator that ``fit_all`` has chosen, fitted again on the same samples."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        part = train.first(samples)
        return model.build(**chosen).fit(part.x, part.y)


def subset(fitted: Sequence[Fitted], parts: Parts) -> int | None:
    """The largest number of training samples that a model has learned from, if some of them were not used."""
    most = max((each.rows for each in fitted), default=0)
    return most if most < parts.train.total else None
