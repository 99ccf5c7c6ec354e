"""Held-out parts and folds: disjoint, complete, stratified, fixed."""

from __future__ import annotations

import pytest
import torch

from netyard.data.splits import check_fold, holdout, one_fold
from netyard.errors import ConfigError, DataError


@pytest.mark.parametrize("num_samples", [2, 3, 10, 997])
@pytest.mark.parametrize("fraction", [0.01, 0.1, 0.5, 0.99])
def test_parts_are_every_sample_once(num_samples: int, fraction: float) -> None:
    stays, goes = holdout(torch.arange(num_samples) % 3, fraction, seed=0)
    assert torch.equal(torch.cat([stays, goes]).sort().values, torch.arange(num_samples))
    assert len(goes) == min(max(round(num_samples * fraction), 1), num_samples - 1)


def test_classes_keep_their_shares() -> None:
    labels = torch.tensor([0] * 700 + [1] * 200 + [2] * 95 + [3] * 5)
    stays, goes = holdout(labels, 0.2, seed=0)
    assert torch.bincount(labels[goes]).tolist() == [140, 40, 19, 1]
    assert torch.bincount(labels[stays]).tolist() == [560, 160, 76, 4]


def test_rare_class_stays_in_training() -> None:
    labels = torch.tensor([0] * 50 + [1])
    for seed in range(20):
        stays, _ = holdout(labels, 0.5, seed)
        assert 50 in stays


def test_one_sample_a_class_still_gives_a_part() -> None:
    stays, goes = holdout(torch.arange(100), 0.1, seed=0)
    assert (len(stays), len(goes)) == (90, 10)


def test_seed_decides() -> None:
    labels = torch.arange(100) % 4
    assert torch.equal(holdout(labels, 0.2, 1)[1], holdout(labels, 0.2, 1)[1])
    assert not torch.equal(holdout(labels, 0.2, 1)[1], holdout(labels, 0.2, 2)[1])


def test_regression_targets_are_cut_at_random() -> None:
    stays, goes = holdout(torch.randn(50, 2), 0.2, seed=0)
    assert (len(stays), len(goes)) == (40, 10)


def test_refusals() -> None:
    for fraction in (0.0, 1.0, -0.5, float("nan")):
        with pytest.raises(ConfigError, match="above 0 and below 1"):
            holdout(torch.arange(10), fraction, seed=0)
    with pytest.raises(DataError, match="has 1 sample"):
        holdout(torch.zeros(1, dtype=torch.long), 0.1, seed=0)


@pytest.mark.parametrize("labels", [torch.arange(103) % 3, torch.randn(103, 2)], ids=["classes", "numbers"])
@pytest.mark.parametrize("num_folds", [2, 5, 34])
def test_folds_are_disjoint_and_cover_everything(labels: torch.Tensor, num_folds: int) -> None:
    cuts = [one_fold(labels, num_folds, fold, seed=0) for fold in range(num_folds)]
    assert torch.equal(torch.cat([goes for _, goes in cuts]).sort().values, torch.arange(103))
    for stays, goes in cuts:
        assert torch.equal(torch.cat([stays, goes]).sort().values, torch.arange(103))
        assert len(goes) in (103 // num_folds, 103 // num_folds + 1)


def test_folds_keep_the_shares_of_classes() -> None:
    labels = torch.tensor([0] * 71 + [1] * 23 + [3] * 5)[torch.randperm(99)]  # nobody is of class 2
    counts = torch.stack([torch.bincount(labels[one_fold(labels, 5, fold, seed=1)[1]]) for fold in range(5)])
    assert (counts.max(dim=0).values - counts.min(dim=0).values).tolist() == [1, 1, 0, 0]
    assert counts[:, 3].tolist() == [1] * 5


def test_the_seed_decides_the_folds() -> None:
    labels = torch.arange(100) % 4
    assert torch.equal(one_fold(labels, 5, 2, 1)[1], one_fold(labels, 5, 2, 1)[1])
    assert not torch.equal(one_fold(labels, 5, 2, 1)[1], one_fold(labels, 5, 2, 2)[1])
    assert not torch.equal(one_fold(labels, 5, 2, 1)[1], torch.arange(2, 100, 5)), "not in the order of the file"


def test_more_folds_than_samples_are_refused() -> None:
    rare = torch.tensor([0] * 9 + [2] * 3)
    with pytest.raises(DataError, match=r"num_folds is 4, and class number 2 has 3 sample.*every class; try .*=3\."):
        one_fold(rare, 4, 0, seed=0)
    assert len(one_fold(rare, 3, 0, seed=0)[1]) == 4
    with pytest.raises(DataError, match=r"class number 1 has 1 sample.*add samples, or leave that class out"):
        one_fold(torch.tensor([0, 0, 1]), 2, 0, seed=0)
    with pytest.raises(DataError, match=r"there are 3 sample.*try data\.num_folds=3"):
        one_fold(torch.zeros(3, 1), 4, 0, seed=0)


def test_folds_that_are_none() -> None:
    for num_folds, fold in ((None, None), (2, None), (2, 0), (2, 1)):
        check_fold(num_folds, fold)
    with pytest.raises(ConfigError, match=r"data\.fold is 0, and data\.num_folds is null.*try data\.num_folds=5"):
        check_fold(None, 0)
    with pytest.raises(ConfigError, match=r"num_folds is 1.*at least 2"):
        check_fold(1, 0)
    for fold in (-1, 5):
        with pytest.raises(ConfigError, match=rf"data\.fold is {fold} of data\.num_folds=5; folds are 0 to 4"):
            check_fold(5, fold)
