"""The map of a test's codes: written by one process, in the place of the one before."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from netyard.callbacks.embedding_projector import Projector, write_projection


def labels(path: Path) -> list[str]:
    return (path / "projector" / "metadata.tsv").read_text(encoding="utf-8").splitlines()


def test_another_rank_writes_nothing(tmp_path: Path):
    logger = SimpleNamespace(experiment=SimpleNamespace(add_image=None), log_dir=str(tmp_path))
    codes = SimpleNamespace(codes=torch.rand(2, 3), labels=torch.tensor([0, 1]), pictures=None)
    trainer: Any = SimpleNamespace(is_global_zero=False, logger=logger, datamodule=None)
    Projector().on_test_end(trainer, SimpleNamespace(codes=codes))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())
    trainer.is_global_zero = True
    Projector().on_test_end(trainer, SimpleNamespace(codes=codes))  # type: ignore[arg-type]
    assert labels(tmp_path) == ["0", "1"]


def test_a_second_map_takes_the_place_of_the_first(tmp_path: Path):
    write_projection(tmp_path, torch.rand(4, 2), "abcd", torch.rand(4, 3, 8, 8))
    codes = torch.tensor([[1 / 3, -1e-20], [12345.678, 0.0]])
    write_projection(tmp_path, codes, ["a\tb", "\n"], torch.rand(2, 2, 12, 8))
    read = np.loadtxt(tmp_path / "projector" / "tensors.tsv", delimiter="\t", dtype=np.float32)
    assert np.allclose(read, codes.numpy(), rtol=1e-6, atol=0)
    assert labels(tmp_path) == ["a b", "?"]
    assert not list(tmp_path.rglob("*.tmp"))
