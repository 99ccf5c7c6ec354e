"""Translation beside the nearest training sentence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from netyard.baselines import pairs
from netyard.data.core.tensors import TensorSplit
from support.translation_task import END, EncoderDecoder, task_of


def data_of(train: list[tuple[list[int], list[int]]], test: list[tuple[list[int], list[int]]]) -> Any:
    def padded(rows: list[list[int]]) -> Tensor:
        return torch.nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True)

    splits = {
        name: TensorSplit(padded([x for x, _ in part]), padded([y for _, y in part]))
        for name, part in (("train", train), ("test", test))
    }
    return SimpleNamespace(split=splits.__getitem__)


def test_the_nearest_source_gives_its_translation() -> None:
    train = [([4, 5, 6], [7, 8, END]), ([6, 5, 4], [9, END]), ([7, 7, 7], [8, 8, 8, END])]
    data = data_of(train, [([4, 5, 6], [7, 8, END]), ([7, 7], [8, 8, 8, END]), ([6, 5, 4], [8, END])])
    found = pairs.scores(task_of(EncoderDecoder()), data, "test")
    assert (next(iter(found.values)), found.mode) == ("exact_match", "max")
    assert found.values["exact_match"]["nearest_neighbours"] == pytest.approx(2 / 3)
    assert 0 <= found.values["bleu"]["nearest_neighbours"] < 1


def test_a_source_of_unknown_tokens_has_some_translation() -> None:
    found = pairs.scores(task_of(EncoderDecoder()), data_of([([4], [5, END])], [([9], [6, END])]), "test")
    assert found.values["exact_match"] == {"nearest_neighbours": 0.0}
