"""Held-out parts and folds: disjoint, complete, stratified, fixed."""

from __future__ import annotations

import torch

from netyard.data.splits import one_fold


def test_folds_keep_the_shares_of_classes() -> None:
    labels = torch.tensor([0] * 71 + [1] * 23 + [3] * 5)[torch.randperm(99)]  # nobody is of class 2
    counts = torch.stack([torch.bincount(labels[one_fold(labels, 5, fold, seed=1)[1]]) for fold in range(5)])
    assert (counts.max(dim=0).values - counts.min(dim=0).values).tolist() == [1, 1, 0, 0]
    assert counts[:, 3].tolist() == [1] * 5
