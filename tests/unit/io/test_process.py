"""What a person types to train, by how this process was started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netyard.io import process


@pytest.mark.parametrize(
    ("started", "checkout", "typed"),
    [
        ("train.py", True, "python train.py"),
        ("/env/bin/netyard", True, "netyard train"),
        ("/env/netyard/__main__.py", True, "netyard train"),
        ("my_script.py", True, "python train.py"),
        ("my_script.py", False, "netyard train"),
    ],
)
def test_what_is_typed_exists(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, started: str, checkout: bool, typed: str
) -> None:
    monkeypatch.setattr(sys, "argv", [started])
    if not checkout:
        monkeypatch.setattr(process, "_TRAIN_FILE", tmp_path / "train.py")
    assert process.train_command() == typed
