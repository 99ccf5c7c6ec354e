"""Data modules of pictures in class folders, and parts of such folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netyard.data.core.module import DataModule
from support.datasets import build


def folder(root: Path, **changes: Any) -> DataModule:
    return build("image_folder", **{"root": str(root), "image_size": 16, "batch_size": 6, "num_workers": 0, **changes})


def names(data: DataModule, part: str) -> list[str]:
    return [f"{path.parent.name}/{path.name}" for path in data.split(part).paths]


def copy_part(source: Path, target: Path, numbers: range) -> None:
    for name in ("ape", "bee", "cat"):
        (target / name).mkdir(parents=True)
        for path in sorted((source / name).iterdir())[numbers.start : numbers.stop]:
            (target / name / path.name).write_bytes(path.read_bytes())
