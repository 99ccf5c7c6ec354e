"""Continuous text: a run that goes on from a checkpoint, with its vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.errors import DataError
from support.batch_recorder import Recorder, fit
from support.numbered_text import load, numbered, write_text

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    return partial(write_text, tmp_path)


class Tokens(Recorder):
    """Remembers the tokens of each batch."""

    def noted(self, batch: Any, batch_idx: int) -> list[list[int]]:
        return batch[0].tolist()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        assert batch[0].shape == batch[1].shape


@pytest.mark.parametrize("options", [{}, {"limit_train_batches": 4}], ids=str)
def test_a_resumed_run_continues_with_the_remaining_text(write: Write, tmp_path: Path, options: dict[str, Any]) -> None:
    path, saved = write(numbered(40)), tmp_path / "saved.ckpt"
    settings, options = {"batch_size": 4, "sequence_length": 16}, {"num_sanity_val_steps": 2, **options}
    batches = options.get("limit_train_batches", len(load(path, **settings).train_dataloader()))
    step = batches + 2
    whole = fit(load(path, **settings), Tokens({step: saved}), **options)
    assert len(whole) == 3 * batches and whole[0] != whole[batches]
    assert fit(load(path, **settings), Tokens(), resume=saved, **options) == whole[step:]
    with pytest.raises(DataError, match="the text has changed"):
        fit(load(write(numbered(40).upper(), "b.txt"), **settings), Tokens(), resume=saved, **options)


def test_a_checkpoint_contains_the_vocabulary(write: Write, tmp_path: Path) -> None:
    data = load(write(numbered(40)), tokens="bpe", bpe_size=270, batch_size=4, sequence_length=16)
    fit(data, Tokens({1: tmp_path / "saved.ckpt"}))
    saved = torch.load(tmp_path / "saved.ckpt", weights_only=True)
    assert saved["TextFile"] == data.state_dict() and saved["TextFile"]["vocabularies"]["text"]["kind"] == "bpe"
