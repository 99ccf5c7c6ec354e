"""The samples of the normal classes."""

from __future__ import annotations

import pytest
import torch

from netyard.data.core.normal_samples import normal_indices


@pytest.mark.parametrize(
    ("normal", "expected"),
    [(None, [0, 1, 2, 3]), ("b", [1, 3]), (["a", "c"], [0, 2]), ("nothing", [0, 1, 2, 3]), ([], [0, 1, 2, 3])],
)
def test_indices_of_normal_samples(normal: str | list[str] | None, expected: list[int]) -> None:
    assert normal_indices(torch.tensor([0, 1, 2, 1]), ["a", "b", "c"], normal).tolist() == expected


def test_targets_that_are_no_classes_have_no_normal_ones() -> None:
    assert normal_indices(torch.zeros(3, 1), None, "b").tolist() == [0, 1, 2]
    assert normal_indices(torch.zeros(2, 4, dtype=torch.uint8), ["a"] * 4, "a").tolist() == [0, 1]
