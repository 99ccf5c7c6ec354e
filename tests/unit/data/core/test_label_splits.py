"""Splits of samples with several labels: the same share of each label in every part."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from netyard.data.core.groups import fold_of_groups, holdout_groups
from netyard.data.core.label_splits import parts_of
from netyard.data.core.splits import hold_out, holdout, one_fold


def sets(count: int = 500, num_labels: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    # From one half down to one in a hundred samples.
    return (torch.rand(count, num_labels, generator=generator) < torch.logspace(-0.3, -2, num_labels)).to(torch.uint8)


def test_sizes_are_exact_and_every_label_has_its_share() -> None:
    y = sets()
    part = parts_of(y, [400, 60, 40], seed=0)
    assert np.bincount(part).tolist() == [400, 60, 40]
    for number, share in enumerate((0.8, 0.12, 0.08)):
        found, wanted = y[torch.from_numpy(part == number)].sum(0), share * y.sum(0)
        assert (found - wanted).abs().max() <= 1.5, number


def test_a_rare_label_stays_in_training() -> None:
    y = torch.zeros(100, 3, dtype=torch.uint8)
    y[:50, 0], y[7, 1], y[[3, 90], 2] = 1, 1, 1
    stays, goes = holdout(y, 0.1, seed=0)
    assert len(goes) == 10
    assert y[stays].sum(0).tolist() == [45, 1, 2]


def test_each_fold_holds_each_sample_once_and_each_label() -> None:
    y = sets()
    folds = [one_fold(y, 5, fold, seed=1)[1] for fold in range(5)]
    assert torch.cat(folds).sort().values.tolist() == [*range(500)]
    counts = torch.stack([y[fold].sum(0) for fold in folds])
    assert (counts.max(0).values - counts.min(0).values).max() <= 3
    assert one_fold(y, 5, 0, seed=1)[1].tolist() == folds[0].tolist()
    assert one_fold(y, 5, 0, seed=2)[1].tolist() != folds[0].tolist()


@pytest.mark.parametrize("wanted", [1, 250, 499])
def test_any_number_can_be_held_out(wanted: int) -> None:
    for y in (sets(), torch.zeros(500, 2, dtype=torch.uint8), torch.ones(500, 2, dtype=torch.uint8)):
        stays, goes = hold_out(y, wanted, seed=0)
        assert len(goes) == wanted
        assert torch.cat([stays, goes]).sort().values.tolist() == [*range(500)]


def test_groups_stay_whole_and_labels_have_their_shares() -> None:
    y = sets()
    groups = [f"patient {number // 5}" for number in range(500)]
    stays, goes = holdout_groups(y, groups, 0.2, seed=0)
    assert not {groups[i] for i in stays.tolist()} & {groups[i] for i in goes.tolist()}
    assert abs(len(goes) - 100) <= 5
    assert ((y[goes].sum(0) - 0.2 * y.sum(0)).abs() <= 4).all()
    _, inside = fold_of_groups(y, groups, 4, 0, seed=0)
    assert abs(len(inside) - 125) <= 10
