"""Mean and covariance of a stream: batch by batch as at once, merged in any way, and exact where sums are not."""

from __future__ import annotations

import pytest
import torch
from lightning.fabric.utilities.apply_func import apply_to_collection
from torch import Tensor

from netyard.scores.frechet import frechet_distance, gaussian_frechet_distance
from netyard.scores.statistics import FeatureStatistics


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def agree(found: FeatureStatistics, x: Tensor) -> None:
    assert found.num_samples == len(x)
    torch.testing.assert_close(found.mean, x.mean(dim=0), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(found.covariance, x.T.cov().reshape(x.shape[1], -1), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("sizes", [[100], [50, 50], [1] * 100, [1, 98, 1], [0, 33, 0, 67, 0]])
@pytest.mark.parametrize("size", [1, 5, 150])
def test_batches_are_as_everything_at_once(sizes: list[int], size: int):
    x = 3 * draw(100, size) + 7
    statistics = FeatureStatistics.empty(size)
    for batch in x.split(sizes):
        statistics = statistics.add(batch)
    agree(statistics, x)


def test_a_small_spread_at_a_large_mean_keeps_its_digits():
    x = draw(300, 4)
    statistics = FeatureStatistics.empty(4)
    for batch in (x + 1e8).split(7):
        statistics = statistics.add(batch)
    torch.testing.assert_close(statistics.covariance, x.T.cov(), rtol=1e-6, atol=1e-7)
    # A mean of squares minus a square of means has nothing left of it.
    y = x + 1e8
    assert ((y.T @ y / 300 - torch.outer(y.mean(0), y.mean(0))) - x.T.cov()).abs().max() > 0.5


def test_streams_merge_in_any_grouping():
    a, b, c = draw(10, 3, seed=1), draw(25, 3, seed=2) + 5, 2 * draw(4, 3, seed=3)
    first, second, third = (FeatureStatistics.of(each) for each in (a, b, c))
    agree(first.merge(second).merge(third), torch.cat([a, b, c]))
    agree(first.merge(second.merge(third)), torch.cat([a, b, c]))
    agree(third.merge(FeatureStatistics.empty(3)).merge(first).merge(second), torch.cat([a, b, c]))


def test_merging_changes_neither_of_the_merged():
    a, b = draw(10, 3, seed=1), draw(25, 3, seed=2)
    first, second = FeatureStatistics.of(a), FeatureStatistics.of(b)
    first.merge(second)
    agree(first, a)
    agree(second, b)


def test_what_devices_gathered_is_merged():
    x = draw(60, 4)
    parts = [FeatureStatistics.of(each) for each in x.split([20, 7, 33])]
    stacked = FeatureStatistics(*(torch.stack(tensors) for tensors in zip(*parts, strict=True)))
    agree(FeatureStatistics.gathered(stacked), x)
    # Lightning gathers a collection tensor by tensor; a single device adds no axis.
    alone = apply_to_collection(parts[0], Tensor, lambda tensor: tensor)
    assert isinstance(alone, FeatureStatistics)
    agree(FeatureStatistics.gathered(alone), x[:20])


def test_halves_are_summed_in_double_precision():
    x = draw(500, 3).half() + 100
    statistics = FeatureStatistics.of(x.requires_grad_())
    assert {each.dtype for each in statistics} == {torch.float64}
    assert not statistics.mean.requires_grad
    agree(statistics, x.detach().double())


def test_the_distance_of_statistics_is_the_distance_of_their_samples():
    x, y = draw(100, 6, seed=1), 1.5 * draw(80, 6, seed=2) + 0.3
    first, second = FeatureStatistics.empty(6), FeatureStatistics.of(y)
    for batch in x.split(9):
        first = first.add(batch)
    found = gaussian_frechet_distance(first.mean, first.covariance, second.mean, second.covariance)
    assert found.item() == pytest.approx(frechet_distance(x, y).item(), rel=1e-10)


def test_a_stream_of_few_samples_is_at_no_distance_from_itself_in_other_batches():
    x = draw(20, 64)
    first = FeatureStatistics.of(x)
    second = FeatureStatistics.empty(64)
    for batch in x.flip(0).split(3):
        second = second.add(batch)
    assert gaussian_frechet_distance(first.mean, first.covariance, second.mean, second.covariance) < 1e-6


@pytest.mark.parametrize("count", [0, 1])
def test_a_covariance_needs_two_samples(count: int):
    with pytest.raises(ValueError, match=f"of {count} samples?; a covariance needs at least 2; try more"):
        _ = FeatureStatistics.of(torch.zeros(count, 3)).covariance


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused_in_the_end(value: float):
    statistics = FeatureStatistics.of(torch.full((3, 2), value)).add(torch.zeros(5, 2))
    with pytest.raises(ValueError, match="held NaN or infinity; every value must be finite; try"):
        _ = statistics.covariance


def test_batches_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"statistics of 3 features were given 4; all must .*; try"):
        FeatureStatistics.empty(3).add(torch.zeros(5, 4))
    with pytest.raises(ValueError, match=r"shape \(5, 4, 2\); they must be \(N, D\), .*; try features.flatten\(1\)"):
        FeatureStatistics.of(torch.zeros(5, 4, 2))
