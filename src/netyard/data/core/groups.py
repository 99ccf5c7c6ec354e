"""Splits that keep the samples of a group together, such as the images of a patient.

Samples of a group resemble each other: with some of them in training, a test measures how well the group is recognised.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from netyard.errors import DataError


def holdout_groups(labels: Tensor, groups: Sequence[str], fraction: float, seed: int) -> tuple[Tensor, Tensor]:
    """Indices of the remaining and of the held-out samples, as ``splits.holdout``, but of whole groups.

    Groups are tried in random order, and held out if the number of samples of each class then comes closer to the
    fraction. A class stays in training if it can. The order depends on the names of the groups alone.

    Raises:
        DataError: there are fewer than two groups.
    """
    member, counts, order = _tables(labels, groups, seed)
    if len(counts) < 2:
        raise _too_few(len(counts), 2)
    total = counts.sum(0)
    wanted, held = total * fraction, np.zeros_like(total)
    taken: list[int] = []
    for group in order:
        after = held + counts[group]
        leaves_class = not ((after == total) & (total > 0)).any()
        if leaves_class and _distance(after, wanted) < _distance(held, wanted):
            taken.append(group)
            held = after
    if not taken:  # every group is larger than the fraction, or has the whole of a class
        taken = [min(order, key=lambda group: _distance(counts[group], wanted))]
    return _indices(np.isin(member, taken))


def fold_of_groups(
    labels: Tensor, groups: Sequence[str], num_folds: int, fold: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Indices of the samples outside of a fold and of those in it, as ``splits.one_fold``, but of whole groups.

    Each group, the largest first, goes to the fold in which its classes are needed most.

    Raises:
        DataError: there are more folds than groups.
    """
    member, counts, order = _tables(labels, groups, seed)
    if len(counts) < num_folds:
        raise _too_few(len(counts), num_folds)
    order.sort(key=lambda group: -counts[group].sum())  # stable: random among equals
    ideal, folds = counts.sum(0) / num_folds, np.zeros((num_folds, counts.shape[1]))
    place = np.zeros(len(counts), dtype=np.int64)
    for number, group in enumerate(order):
        costs = [_distance(each + counts[group], ideal) - _distance(each, ideal) for each in folds]
        empty = [index for index, each in enumerate(folds) if not each.sum()]
        # The last groups are for folds that would stay empty.
        allowed = empty if len(order) - number <= len(empty) else range(num_folds)
        place[group] = min(allowed, key=lambda index: (costs[index], folds[index].sum()))
        folds[place[group]] += counts[group]
    return _indices(place[member] == fold)


def require_separate_groups(groups: Mapping[str, Collection[str]]) -> None:
    """Refuse a group that is in two files, by the names of the files.

    Raises:
        DataError: there is one.
    """
    for one, other in combinations(groups, 2):
        if shared := sorted(set(groups[one]).intersection(groups[other])):
            raise DataError(
                f"group {shared[0]!r} of data.group is in {one} and {other} ({len(shared)} such);",
                "a group is in one split;",
                "take its samples out of one of them, or leave data.group out.",
            )


def _tables(labels: Tensor, groups: Sequence[str], seed: int) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """The group of each sample, samples of each group and class, and the groups in random order."""
    names, member = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    if labels.ndim == 2 and not labels.is_floating_point():
        # Of a set of labels each counts, and one more column the samples, of which some have no label.
        counts = np.zeros((len(names), labels.shape[1] + 1), np.int64)
        np.add.at(counts, member, np.pad(labels.cpu().numpy().astype(np.int64), ((0, 0), (0, 1)), constant_values=1))
    else:
        classes = np.zeros(len(labels), np.int64) if labels.is_floating_point() else labels.cpu().numpy()
        counts = np.zeros((len(names), int(classes.max(initial=0)) + 1), np.int64)
        np.add.at(counts, (member, classes), 1)
    # By name, not by number: a further group does not move the others.
    keys = [blake2b(f"{seed} {name}".encode(), digest_size=8).digest() for name in names]
    return member, counts, sorted(range(len(names)), key=keys.__getitem__)


def _distance(found: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.square(found - wanted).sum())


def _indices(held: np.ndarray) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(np.flatnonzero(~held)), torch.from_numpy(np.flatnonzero(held))


def _too_few(found: int, needed: int) -> DataError:
    return DataError(
        f"data.group makes {found} group(s) of the samples to split;",
        f"each of {needed} parts needs a group of its own;",
        f"try data.num_folds={found}, or another data.group." if found > 1 else "add groups, or leave data.group out.",
    )
