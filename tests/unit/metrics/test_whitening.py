"""Mahalanobis distances, beside scikit-learn's."""

from __future__ import annotations

import pytest
import torch
from sklearn.covariance import LedoitWolf

from netyard.metrics.whitening import Whitening, shrunk_covariance


def samples(count: int, size: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    mixed = torch.randn(count, size, generator=generator) @ torch.randn(size, size, generator=generator)
    return mixed + torch.arange(float(size))


@pytest.mark.parametrize("shape", [(200, 5), (12, 8), (6, 20)], ids=str)
def test_the_distances_are_those_of_scikit_learn(shape: tuple[int, int]) -> None:
    x = samples(*shape)
    distance = Whitening(shape[1], full=True)
    distance.measure(x)
    theirs = LedoitWolf().fit(x.double().numpy())
    torch.testing.assert_close(
        shrunk_covariance((x - x.mean(0)).double()), torch.from_numpy(theirs.covariance_), rtol=1e-5, atol=1e-8
    )
    wanted = torch.from_numpy(theirs.mahalanobis(x.double().numpy())).float()
    torch.testing.assert_close(distance(x), wanted, rtol=1e-3, atol=1e-3)


def test_of_many_elements_variances_alone_are_measured() -> None:
    x = samples(200, 5)
    distance = Whitening(5, full=False)
    distance.measure(x)
    wanted = ((x - x.mean(0)) / x.std(0, correction=0)).square().sum(1)
    torch.testing.assert_close(distance(x), wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("full", [True, False])
def test_elements_that_never_vary_give_finite_distances(full: bool) -> None:
    x = torch.cat([samples(50, 3), torch.ones(50, 2)], dim=1)
    distance = Whitening(5, full=full)
    distance.measure(x)
    assert distance(x).isfinite().all() and distance(x + 1).isfinite().all()
    before = distance.mean.clone()
    distance.measure(x[:1])
    assert torch.equal(distance.mean, before), "one sample has no covariance"
