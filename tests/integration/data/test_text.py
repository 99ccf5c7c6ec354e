"""Continuous text: what is cut where, what training may know, and what a checkpoint brings back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch

from netyard.errors import DataError
from support.numbered_text import load, numbered

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "text.txt") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


class Recorder(L.LightningModule):
    """Remembers every training batch, and saves after the step it is told to."""

    def __init__(self, save_after: int = 0, path: Path | None = None) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.save_after, self.path = save_after, path
        self.seen: list[list[list[int]]] = []

    def training_step(self, batch: Any, batch_idx: int) -> torch.Tensor:
        self.seen.append(batch[0].tolist())
        return self.weight * batch[0].float().mean()

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        assert batch[0].shape == batch[1].shape

    def on_train_batch_end(self, *_: Any) -> None:
        if len(self.seen) == self.save_after:
            self.trainer.save_checkpoint(self.path)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(data: L.LightningDataModule, module: Recorder, resume: Path | None = None, **options: Any) -> list[Any]:
    trainer = L.Trainer(
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        max_epochs=3,
        **options,
    )
    trainer.fit(module, datamodule=data, ckpt_path=resume, weights_only=True)
    return module.seen


@pytest.mark.parametrize("options", [{}, {"limit_train_batches": 4}], ids=str)
def test_a_resumed_run_sees_what_was_left(write: Write, tmp_path: Path, options: dict[str, Any]) -> None:
    path, saved = write(numbered(40)), tmp_path / "saved.ckpt"
    settings = {"batch_size": 4, "sequence_length": 16}
    batches = options.get("limit_train_batches", len(load(path, **settings).train_dataloader()))
    step = batches + 2
    whole = fit(load(path, **settings), Recorder(step, saved), **options)
    assert len(whole) == 3 * batches and whole[0] != whole[batches]
    assert fit(load(path, **settings), Recorder(), resume=saved, **options) == whole[step:]
    with pytest.raises(DataError, match="the text has changed"):
        fit(load(write(numbered(40).upper(), "b.txt"), **settings), Recorder(), resume=saved, **options)


def test_a_checkpoint_carries_the_vocabulary(write: Write, tmp_path: Path) -> None:
    data = load(write(numbered(40)), tokens="bpe", bpe_size=270, batch_size=4, sequence_length=16)
    fit(data, Recorder(1, tmp_path / "saved.ckpt"))
    saved = torch.load(tmp_path / "saved.ckpt", weights_only=True)
    assert saved["TextFile"] == data.state_dict() and saved["TextFile"]["vocabularies"]["text"]["kind"] == "bpe"
