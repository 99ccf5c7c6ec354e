"""Baselines of regression: the mean, and models of rows, on standardised targets and measured in their own units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from netyard.baselines.classes import most_of_kernel, share_of_columns, tensor
from netyard.baselines.models import Fitted, Model, PredictionColumns, fit_all, refitted, subset
from netyard.baselines.rows import (
    MOST_TRAINED,
    Part,
    Parts,
    has_rows,
    in_precision,
    parts_of,
    pixel_facts,
    rows_of,
    rows_of_inputs,
)
from netyard.baselines.scores import Scores
from netyard.metrics.output_names import target_suffixes

VERSION = 3
_MOST_TARGETS = 10  # of models that have one for each target
_NO_SPREAD = 1e-6  # of standardised targets: what rounding makes of a constant one; as in tasks.regression


def settings(task: Any, data: Any) -> dict[str, Any]:
    """The number of targets, and how images are normalised."""
    return {"targets": task.num_outputs, **pixel_facts(data)}


def scores(task: Any, data: Any, stage: str) -> Scores:
    """MAE, RMSE and the coefficient of determination, as ``tasks.regression`` has them."""
    return scores_of(parts_of(data, stage)) if has_rows(data) else Scores({}, "min")


def scores_of(parts: Parts) -> Scores:
    """The scores of all models of numbers."""
    fitted = fit(parts)
    values: dict[str, dict[str, float]] = {}
    for each in fitted:
        for metric, value in measured(each.estimator, parts.scored).items():
            values.setdefault(metric, {})[each.name] = value
    chosen = {each.name: each.chosen for each in fitted if each.chosen}
    fits = {each.name: each.facts(-1) for each in fitted}
    return Scores(values, "min", subset(fitted, parts), parts.tested, chosen, fits)


def fit(parts: Parts) -> list[Fitted]:
    """The models, fitted on the training part and tuned by the MAE of the validation part."""
    targets = parts.train.y.shape[1]
    return [*fit_all(models(parts.train, targets), parts, targets, _negative_mae)]


def models(train: Part, targets: int) -> list[Model]:
    """The models of numbers, for a training part of this size."""
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import Ridge
    from sklearn.multioutput import MultiOutputRegressor
    from sklearn.neighbors import KNeighborsRegressor
    from sklearn.svm import SVR
    from sklearn.tree import DecisionTreeRegressor

    neighbours = [{"n_neighbors": count} for count in (1, 3, 5, 15) if count <= len(train)] or [{"n_neighbors": 1}]
    found = [
        Model("mean", lambda: Standardized(DummyRegressor())),
        Model(
            "nearest_neighbours",
            lambda **given: Standardized(KNeighborsRegressor(algorithm="brute", **given)),
            neighbours,
            min(2, len(neighbours) - 1),
            lambda sizes: 5e10 / (sizes.columns * max(sizes.scored, 1)),
        ),
        Model(
            "linear_regression",
            lambda **given: Standardized(Ridge(**given)),
            [{"alpha": penalty} for penalty in (0.1, 1.0, 10.0, 100.0)],
            1,
            # The smaller side of the matrix is squared.
            lambda sizes: sizes.rows if sizes.columns <= 2000 else 5e10 / sizes.columns**2,
        ),
        Model(
            "decision_tree",
            lambda **given: Standardized(DecisionTreeRegressor(random_state=0, **given)),
            [{"max_depth": depth} for depth in (2, 4, 8)],
            1,
            lambda sizes: 2e6 / sizes.columns,
        ),
    ]
    if targets > _MOST_TARGETS:
        return found

    def for_each(estimator: Any) -> Any:
        return Standardized(estimator if targets == 1 else MultiOutputRegressor(estimator))

    return [
        *found,
        Model(
            "gradient_boosting",
            lambda **given: for_each(
                HistGradientBoostingRegressor(
                    max_iter=100,
                    max_leaf_nodes=7,
                    max_bins=63,
                    max_features=share_of_columns(train),
                    early_stopping=False,
                    random_state=0,
                    **given,
                )
            ),
            # Each tree of many columns takes long even with few rows.
            [{"learning_rate": 0.1}, *([{"learning_rate": 0.03}] if train.x.shape[1] <= 1000 else [])],
            0,
            lambda sizes: 1.5e9 / (min(sizes.columns, 200) * 100 * sizes.outputs),
        ),
        Model(
            "support_vector_machine",
            lambda **given: for_each(SVR(**given)),
            [{"C": penalty} for penalty in (1.0, 10.0)],
            0,
            lambda sizes: most_of_kernel(sizes) / sizes.outputs,
        ),
    ]


class Standardized:
    """A regressor that learns standardised targets, (N, T), and predicts them in their own units."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(self, x: Any, y: np.ndarray) -> Standardized:
        y = y.astype(np.float64)
        self.mean, self.std = y.mean(axis=0), y.std(axis=0)
        self.std[self.std == 0] = 1.0
        self.targets = y.shape[1]
        standard = (y - self.mean) / self.std
        self.estimator.fit(x, standard[:, 0] if self.targets == 1 else standard)
        return self

    def predict(self, x: Any) -> np.ndarray:
        """(N, T), in own units."""
        found: np.ndarray = self.estimator.predict(x)
        return found.reshape(-1, self.targets) * self.std + self.mean


def measured(estimator: Any, part: Part) -> dict[str, float]:
    """The errors of one model on a part."""
    true = part.y.astype(np.float64)
    error = estimator.predict(part.x) - true
    found = {"mae": np.abs(error).mean(), "rmse": np.sqrt(np.square(error).mean())}
    # In units of the training targets' deviation: the variance of small numbers around a large mean is lost otherwise.
    spread = np.square((true - true.mean(axis=0)) / estimator.std).mean(axis=0)
    if (spread > _NO_SPREAD).all():
        found["r2"] = (1 - np.square(error / estimator.std).mean(axis=0) / spread).mean()
    return {name: float(value) for name, value in found.items()}


def _negative_mae(estimator: Any, part: Part) -> float:
    return -float(np.abs(estimator.predict(part.x) - part.y).mean())


# Predictions


def keep(task: Any, data: Any) -> dict[str, Any]:
    """The training samples, from which ``predictor`` fits a model again: tensors and plain types."""
    part = rows_of(data, "train", MOST_TRAINED)
    return {"x": tensor(part.x).float(), "y": tensor(part.y)}


def predictor(kept: Mapping[str, Any], data: Any, name: str) -> PredictionColumns:
    """The columns that a network of this task predicts."""
    x, y = kept["x"], kept["y"].numpy()
    train = Part(in_precision(x), y, len(y))
    model = next(each for each in models(train, y.shape[1]) if each.name == name)
    estimator = refitted(model, train, kept["chosen"].get(name, {}), kept["fits"][name]["samples"])

    def columns(inputs: Tensor, labels: Sequence[str]) -> dict[str, list[Any]]:
        predicted = estimator.predict(rows_of_inputs(data, inputs, x.numel()))
        suffixes = target_suffixes(predicted.shape[1], labels)
        return {f"prediction{suffix}": each.tolist() for suffix, each in zip(suffixes, predicted.T, strict=True)}

    return columns
