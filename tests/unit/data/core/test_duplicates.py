"""Identical samples in two splits are counted, and large data are not hashed."""

from __future__ import annotations

import pytest
import torch

from netyard.data.core import duplicates
from netyard.data.core.tensors import TensorSplit


def split(*rows: tuple[int, int]) -> TensorSplit:
    return TensorSplit(torch.tensor([[float(x)] for x, _ in rows]), torch.tensor([y for _, y in rows]))


SPLITS = {
    "train": split((1, 0), (2, 0), (2, 0), (3, 1)),
    "val": split((2, 0), (2, 0), (5, 1)),
    "test": split((3, 1), (5, 1), (1, 1), (7, 0)),
}


def test_samples_of_the_second_split_are_counted_that_the_first_one_has_too() -> None:
    # val: 2 twice. test: 3 is in training, 5 in validation; 1 has another target in training.
    assert duplicates.between_splits(SPLITS) == ({"train-val": 2, "train-test": 1, "val-test": 1}, "")


@pytest.mark.parametrize(("name", "limit"), [("MAX_SAMPLES", 10), ("MAX_BYTES", 131)])
def test_data_above_the_limit_are_not_hashed(name: str, limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, name, limit + 1)
    assert duplicates.between_splits(SPLITS)[0] is not None  # 11 samples of 4 + 8 bytes each
    monkeypatch.setattr(duplicates, name, limit)
    found, note = duplicates.between_splits(SPLITS)
    assert found is None and "the most that are compared" in note


def test_a_stream_of_tokens_has_no_samples_to_compare() -> None:
    tokens = torch.arange(5)
    assert duplicates.between_splits({"train": TensorSplit(tokens, tokens)}) == (
        None,
        "the splits have no separate samples",
    )
