"""Gaussians fitted to data: their density, and samples of them."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from netyard.baselines import densities
from netyard.baselines.densities import Components, Mixture
from netyard.losses.likelihoods import Bernoulli, DiscretizedLogistic, Gaussian
from support import datasets


def rows_of(count: int, features: int = 4) -> np.ndarray:
    generator = np.random.default_rng(count)
    return generator.standard_normal((count, features)) @ np.diag([3.0, 2.0, 1.0, 0.5][:features])


def task_of(loss: Any, conditional: bool = False) -> Any:
    return SimpleNamespace(loss=loss, conditional=conditional, _trainer=SimpleNamespace(callbacks=[]))


def test_one_gaussian_has_the_density_of_the_normal_distribution() -> None:
    x, asked = rows_of(500), rows_of(20)
    model = Mixture.fit(Components.of(x, 0.1), x, 1, "full")
    covariance = np.cov(x.T, bias=True) + 0.01 * np.eye(4)
    expected = multivariate_normal(x.mean(axis=0), covariance).logpdf(asked)
    assert model.log_density(asked) == pytest.approx(expected, rel=1e-6)


def test_directions_outside_of_the_components_have_one_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(densities, "_MOST_COMPONENTS", 2)
    x, asked = rows_of(500), rows_of(20)
    space = Components.of(x, 0.001)
    model = Mixture.fit(space, x, 1, "full")
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    shrunk = vectors @ np.diag([values[:2].mean()] * 2 + [*values[2:]]) @ vectors.T
    expected = multivariate_normal(x.mean(axis=0), shrunk).logpdf(asked)
    assert model.log_density(asked) == pytest.approx(expected, rel=1e-4)


def test_samples_have_the_moments_of_the_data() -> None:
    x = rows_of(2000)
    drawn = Mixture.fit(Components.of(x, 0.01), x, 5, "full").sample(20_000, 3)
    assert drawn.mean(axis=0) == pytest.approx(x.mean(axis=0), abs=0.1)
    assert np.cov(drawn.T) == pytest.approx(np.cov(x.T), abs=0.3)


def test_equal_seeds_draw_equal_samples_and_touch_no_other_generator() -> None:
    x = rows_of(100)
    model = Mixture.fit(Components.of(x, 0.01), x, 3, "diag")
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()
    assert np.array_equal(model.sample(10, 1), model.sample(10, 1))
    assert not np.array_equal(model.sample(10, 1), model.sample(10, 2))
    assert torch.equal(torch.get_rng_state(), state) and np.array_equal(np.random.get_state()[1], numpy_state)


def test_constant_columns_stay_constant_and_have_a_finite_density() -> None:
    x = rows_of(100)
    x[:, 1] = 7.0
    model = Mixture.fit(Components.of(x, 0.01), x, 2, "full")
    assert (model.sample(50, 0)[:, 1] == pytest.approx(7.0)) and np.isfinite(model.log_density(x)).all()


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_a_few_samples_are_enough(count: int) -> None:
    x = rows_of(count)
    model = Mixture.fit(Components.of(x, 0.1), x, 1, "full")
    assert np.isfinite(model.log_density(rows_of(20))).all() and np.isfinite(model.sample(5, 0)).all()


def test_fewer_samples_than_numbers_leave_variance_in_every_direction() -> None:
    x, asked = rows_of(8, 4).repeat(3, axis=1), rows_of(50, 4).repeat(3, axis=1)
    generator = np.random.default_rng(0)
    x, asked = (each + generator.standard_normal(each.shape) for each in (x, asked))
    model = Mixture.fit(Components.of(x, 0.01), x, 1, "full")
    assert model.log_density(asked).mean() > -100, "8 samples of 12 numbers"


def test_one_sample_is_a_gaussian_of_the_smallest_deviation() -> None:
    x = rows_of(1)
    found = Mixture.fit(Components.of(x, 0.1), x, 1, "full").log_density(x)
    assert found == pytest.approx(-4 * math.log(0.1 * math.sqrt(2 * math.pi)))


@pytest.mark.parametrize(
    ("loss", "conditional", "std"),
    [
        (Gaussian(std=0.3), False, 0.3),
        (Gaussian(num_parameters=2, min_std=0.05), False, 0.05),
        (Gaussian(), True, None),
        (Bernoulli(), False, None),
        (DiscretizedLogistic(), False, None),
        (torch.nn.BCEWithLogitsLoss(), False, None),
    ],
    ids=["fixed", "learned", "conditional", "bernoulli", "levels", "no likelihood"],
)
def test_only_densities_are_compared(loss: Any, conditional: bool, std: float | None) -> None:
    data = datasets.build("iris")
    data.setup()
    task = task_of(loss, conditional)
    found = densities.scores(task, data, "test")
    assert densities.settings(task, data)["density"] == std
    assert set(found.values) == ({"nll", "elbo"} if std else set())
    if std:
        assert found.mode == "min" and set(found.values["nll"]) == {"gaussian_mixture", "gaussian"}
        assert found.values["nll"]["gaussian"] == -found.values["elbo"]["gaussian"]


def test_a_validation_is_compared_by_the_bound() -> None:
    data = datasets.build("iris")
    data.setup()
    found = densities.scores(task_of(Gaussian()), data, "val")
    assert (list(found.values), found.mode) == (["elbo"], "max")


class Rower:
    """A task that draws rows, in no run."""

    loss, device, _trainer = torch.nn.BCEWithLogitsLoss(), torch.device("cpu"), None

    def rows(self, count: int, seed: int = 0) -> Any: ...


def test_samples_are_scored_as_those_of_a_network(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NETYARD_DATA", str(tmp_path))
    data = datasets.build("wine")
    data.setup()
    found = densities.scores(Rower(), data, "test")
    assert (next(iter(found.values)), found.mode) == ("frechet_distance", "min")
    # The distance of a Gaussian with the moments of the training part, by hand: 1.72 (docs/log.md).
    assert found.values["frechet_distance"]["gaussian"] == pytest.approx(1.72, abs=0.1)
    assert {"precision", "recall", "diversity"} <= set(found.values)
