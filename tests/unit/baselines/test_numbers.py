"""Baselines of numbers: the values of scikit-learn called directly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.multioutput import MultiOutputRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from netyard.baselines import numbers
from netyard.baselines.rows import Part, Parts


def part(count: int, seed: int, targets: int = 1) -> Part:
    random = np.random.default_rng(seed)
    x = random.normal(size=(count, 5))
    y = 1000 + 50 * (x[:, :1] + x[:, 1:2] ** 2 + 0.1 * random.normal(size=(count, 1)))
    return Part(x, np.hstack([y, -3 * x[:, 2:3]])[:, :targets].astype(np.float32), count)


def boosted(rate: float) -> Any:
    return HistGradientBoostingRegressor(
        max_iter=100, learning_rate=rate, max_leaf_nodes=7, max_bins=63, early_stopping=False, random_state=0
    )


GRIDS = {
    "mean": [DummyRegressor()],
    "nearest_neighbours": [KNeighborsRegressor(count, algorithm="brute") for count in (5, 3, 15, 1)],
    "linear_regression": [Ridge(alpha) for alpha in (1.0, 0.1, 10.0, 100.0)],
    "decision_tree": [DecisionTreeRegressor(max_depth=depth, random_state=0) for depth in (4, 2, 8)],
    "gradient_boosting": [boosted(0.1), boosted(0.03)],
    "support_vector_machine": [SVR(C=1.0), SVR(C=10.0)],
}
ALONE = ("gradient_boosting", "support_vector_machine")  # one for each target


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("name", GRIDS)
def test_a_baseline_has_the_values_of_scikit_learn(name: str, targets: int, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = Parts(*(part(count, seed, targets) for seed, count in enumerate((80, 30, 40))))
    models = [each for each in numbers.models(parts.train, targets) if each.name == name]
    monkeypatch.setattr(numbers, "models", lambda *_: models)
    found = {metric: values[name] for metric, values in numbers.scores_of(parts).values.items()}

    fits = []
    for each in GRIDS[name]:
        inner = MultiOutputRegressor(each) if targets > 1 and name in ALONE else each
        y = parts.train.y.astype(float) if targets > 1 else parts.train.y[:, 0].astype(float)
        fits.append(TransformedTargetRegressor(inner, transformer=StandardScaler()).fit(parts.train.x, y))

    def error(each: Any, of: Part) -> float:
        return float(metrics.mean_absolute_error(of.y, each.predict(of.x).reshape(of.y.shape)))

    best = min(fits, key=lambda each: error(each, parts.val))
    predicted = best.predict(parts.scored.x).reshape(parts.scored.y.shape)
    wanted = {
        "mae": error(best, parts.scored),
        "rmse": metrics.mean_squared_error(parts.scored.y, predicted) ** 0.5,
        "r2": metrics.r2_score(parts.scored.y, predicted),
    }
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-6)


def test_a_constant_target_has_no_r2() -> None:
    same = Part(np.arange(12.0)[:, None], np.full((12, 1), 7.0), 12)
    found = numbers.scores_of(Parts(same, same, same))
    assert [*found.values] == ["mae", "rmse"]
    assert found.values["mae"]["mean"] == 0.0
