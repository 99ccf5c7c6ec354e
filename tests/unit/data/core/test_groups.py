"""Samples of a group stay in one split, in folds too."""

from __future__ import annotations

import pytest
import torch

from netyard.data.core.groups import fold_of_groups, holdout_groups
from netyard.data.core.splits import Splitter
from netyard.errors import DataError

PATIENTS = [f"p{number:02}" for number in range(20) for _ in range(5)]
LABELS = torch.tensor([number % 2 for number in range(20) for _ in range(5)])  # a patient has one class


def names(index: torch.Tensor) -> set[str]:
    return {PATIENTS[i] for i in index.tolist()}


def test_a_fifth_of_the_groups_of_each_class_is_held_out() -> None:
    rest, held = holdout_groups(LABELS, PATIENTS, 0.2, 0)
    assert not names(rest) & names(held) and len(rest) + len(held) == 100
    # 20 samples are a fifth: two patients of each class.
    assert len(held) == 20 and LABELS[held].bincount().tolist() == [10, 10]


def test_every_group_is_in_one_fold() -> None:
    folds = [fold_of_groups(LABELS, PATIENTS, 5, fold, 0)[1] for fold in range(5)]
    assert torch.cat(folds).sort().values.tolist() == list(range(100))
    assert [LABELS[fold].bincount().tolist() for fold in folds] == [[10, 10]] * 5
    assert sum(len(names(fold)) for fold in folds) == 20


def test_large_groups_are_spread_and_no_fold_is_empty() -> None:
    sizes = {"a": 50, "b": 3, "c": 2, "d": 1}
    groups = [name for name, size in sizes.items() for _ in range(size)]
    labels = torch.zeros(len(groups), dtype=torch.long)
    folds = [{groups[i] for i in fold_of_groups(labels, groups, 4, fold, 0)[1].tolist()} for fold in range(4)]
    assert sorted(folds, key=min) == [{"a"}, {"b"}, {"c"}, {"d"}]
    _, held = holdout_groups(labels, groups, 0.1, 0)
    assert len(held) in (5, 6) and "a" not in {groups[i] for i in held.tolist()}


def test_a_class_stays_in_training() -> None:
    # Only p00 has the class 1, and it is as large as the share that is held out.
    labels = torch.tensor([1] * 5 + [0] * 95)
    for seed in range(5):
        rest, _ = holdout_groups(labels, PATIENTS, 0.05, seed)
        assert 1 in labels[rest]


def test_a_further_group_moves_no_other() -> None:
    labels = torch.zeros(100)
    before = names(holdout_groups(labels[:, None], PATIENTS, 0.2, 0)[1])
    more = [*PATIENTS, "a new one"]
    held = holdout_groups(torch.zeros(101, 1), more, 0.2, 0)[1]
    assert {more[i] for i in held.tolist()} - {"a new one"} <= before


def test_the_splitter_cuts_all_three_splits_by_group() -> None:
    for folds in (None, 4):
        parts = Splitter(0.1, 0.2, 0, folds).indices(LABELS, PATIENTS)
        assert sum(map(len, parts.values())) == 100
        assert sum(len(names(part)) for part in parts.values()) == 20
    assert not torch.equal(parts["test"], Splitter(0.1, 0.2, 0).indices(LABELS)["test"])


def test_too_few_groups_are_refused() -> None:
    with pytest.raises(DataError, match=r"makes 1 group\(s\).*leave data\.group out"):
        holdout_groups(torch.zeros(4, 1), ["a"] * 4, 0.5, 0)
    with pytest.raises(DataError, match=r"makes 2 group\(s\).*try data\.num_folds=2"):
        fold_of_groups(torch.zeros(4, 1), ["a", "a", "b", "b"], 3, 0, 0)
