"""The one reader of files of tensors: what it reads, and what it refuses before looking."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from netyard.errors import CheckpointError
from netyard.io import safe_load
from netyard.training import checkpoint

TENSORS = {"weight": torch.arange(6.0).view(2, 3)}


@pytest.mark.parametrize("name", ["x.pt", "x.ckpt", "x.safetensors"])
def test_tensors_are_read(tmp_path: Path, name: str) -> None:
    (save_file if name.endswith("safetensors") else torch.save)(TENSORS, tmp_path / name)
    assert torch.equal(safe_load.load(tmp_path / name)["weight"], TENSORS["weight"])


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors", "nowhere.pt", "nowhere.safetensors"])
def test_other_objects_raise_an_unreadable_error(tmp_path: Path, name: str) -> None:
    if name.startswith("x"):
        (tmp_path / name).write_bytes(b"\xff" * 100)
    with pytest.raises(safe_load.UNREADABLE):
        safe_load.load(tmp_path / name)


@pytest.mark.parametrize("word", ["1", "true", "YES", "y"])
def test_the_variable_that_lets_files_run_code_is_refused(tmp_path: Path, monkeypatch, word: str) -> None:
    torch.save(TENSORS, path := tmp_path / "best.ckpt")
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", word)
    with pytest.raises(CheckpointError, match=r"LOAD is set, .* unset it"):
        checkpoint.read(path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "0")
    assert checkpoint.read(path)


def test_a_tar_archive_is_not_unpacked(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.pt", "w") as archive:
        archive.add(os.__file__, "pickle")
    with pytest.raises(ValueError, match="is a tar archive"):
        safe_load.load(tmp_path / "x.pt")
