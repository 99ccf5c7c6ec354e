"""Baselines of anomaly detection: models of the normal samples of the training part, as flat rows."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netyard.baselines.models import PredictionColumns
from netyard.baselines.rows import (
    MOST_SCORED,
    MOST_TRAINED,
    MOST_VALIDATED,
    Part,
    has_rows,
    in_precision,
    pixel_facts,
    rows_of,
    rows_of_inputs,
)
from netyard.baselines.scores import Scores
from netyard.errors import first_line
from netyard.metrics.ranked_areas import ranked_areas
from netyard.tasks.interfaces import has_split

VERSION = 1
_NEIGHBOURS = 5
_VARIANCE = 0.95  # share that the principal components explain
_FULL = 128  # columns up to which a component of a mixture has a full covariance matrix
COMPONENTS = (1, 2, 5)

log = logging.getLogger(__name__)

Score = Callable[[np.ndarray], np.ndarray]
"""Rows (N, F) -> how unlike the normal samples each is, (N,)."""


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The normal classes, and how images are normalised."""
    normal = task.normal_classes(data)
    return {"normal": None if normal is None else normal.tolist(), **pixel_facts(data)}


def scores(task: Any, data: Any, stage: str) -> Scores:
    """Areas under the curves of data with classes; without them nothing says which samples are anomalies."""
    normal = task.normal_classes(data)
    if normal is None or not has_rows(data):
        return Scores({}, "max")
    of_class = normal.tolist()
    train = _normal(rows_of(data, "train", MOST_TRAINED * 2), of_class).first(MOST_TRAINED)
    val = _normal(rows_of(data, "val", MOST_VALIDATED), of_class) if has_split(data, "val") else None
    scored = rows_of(data, stage, MOST_SCORED)
    anomalous = torch.from_numpy(~np.isin(scored.y, of_class))
    values: dict[str, dict[str, float]] = {}
    chosen: dict[str, dict[str, Any]] = {}
    for name, (score, told) in fit(train.x, None if val is None or not len(val) else val.x).items():
        for metric, value in ranked_areas(torch.from_numpy(score(scored.x)), anomalous).items():
            values.setdefault(metric, {})[name] = float(value)
        chosen |= {name: told} if told else {}
    subset = len(train) if train.total > len(train) else None
    return Scores(values, "max", subset, len(scored) if len(scored) < scored.total else None, chosen)


def _normal(part: Part, normal: list[int]) -> Part:
    kept = np.isin(part.y, normal)
    # Of a part that is read as a whole the number of normal samples is known.
    total = int(kept.sum()) if len(part) == part.total else part.total
    return Part(part.x[kept], part.y[kept], total)


def fit(train: np.ndarray, val: np.ndarray | None) -> dict[str, tuple[Score, dict[str, Any]]]:
    """The models by name, of normal samples (N, F), with what was chosen on normal validation samples."""
    found: dict[str, tuple[Score, dict[str, Any]]] = {}
    for name, build in (
        ("nearest_neighbours", _neighbours),
        ("isolation_forest", _forest),
        ("pca", _pca),
        ("gaussian_mixture", _mixture),
    ):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[name] = build(train.astype(np.float64), val)
        except (ValueError, ArithmeticError, MemoryError) as error:  # too few samples, or a covariance that is singular
            log.debug("baselines: %s is left out: %s", name, first_line(error))
    return found


def _neighbours(train: np.ndarray, val: np.ndarray | None) -> tuple[Score, dict[str, Any]]:
    from sklearn.neighbors import NearestNeighbors

    count = min(_NEIGHBOURS, len(train))
    model = NearestNeighbors(n_neighbors=count, algorithm="brute").fit(train)
    return lambda x: model.kneighbors(x)[0].mean(axis=1), {}


def _forest(train: np.ndarray, val: np.ndarray | None) -> tuple[Score, dict[str, Any]]:
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(random_state=0).fit(train)
    return lambda x: -model.score_samples(x), {}


def _pca(train: np.ndarray, val: np.ndarray | None) -> tuple[Score, dict[str, Any]]:
    """The squared distance from the subspace of the principal components."""
    from sklearn.decomposition import PCA

    model = PCA(_VARIANCE, svd_solver="full").fit(train[: max(2, 40_000_000 // train.shape[1] ** 2, 2000)])
    return lambda x: np.square(x - model.inverse_transform(model.transform(x))).mean(axis=1), {}


def _mixture(train: np.ndarray, val: np.ndarray | None) -> tuple[Score, dict[str, Any]]:
    from sklearn.mixture import GaussianMixture

    shape = "full" if train.shape[1] <= _FULL else "diag"
    counts = [count for count in (COMPONENTS if val is not None else COMPONENTS[:1]) if count <= len(train)]
    fits = [
        GaussianMixture(count, covariance_type=shape, reg_covar=1e-3, random_state=0).fit(train) for count in counts
    ]
    best = max(fits, key=lambda model: model.score(val)) if val is not None else fits[0]
    return lambda x: -best.score_samples(x), {"n_components": best.n_components}


# Predictions


def keep(task: Any, data: Any) -> dict[str, Any]:
    """The normal training samples, from which ``predictor`` fits a model again: tensors and plain types."""
    normal = task.normal_classes(data).tolist()
    train = _normal(rows_of(data, "train", MOST_TRAINED * 2), normal).first(MOST_TRAINED)
    val = _normal(rows_of(data, "val", MOST_VALIDATED), normal) if has_split(data, "val") else None
    found = {"x": torch.from_numpy(train.x.copy()).float()}
    return found | ({"val": torch.from_numpy(val.x.copy()).float()} if val is not None and len(val) else {})


def predictor(kept: Mapping[str, Any], data: Any, name: str) -> PredictionColumns:
    """The score of each sample, which is large for anomalies."""
    x = kept["x"]
    val = in_precision(kept["val"]) if "val" in kept else None
    score, _ = fit(in_precision(x), val)[name]

    def columns(inputs: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        return {"score": score(rows_of_inputs(data, inputs, x.numel())).tolist()}

    return columns
