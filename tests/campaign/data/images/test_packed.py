"""A folder's pictures, made small once by several processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of eight JPEGs, smooth, upright and wide, larger than what is wanted of them."""
    rng = np.random.default_rng(0)
    for name in ("ape", "bee", "cat"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(8):
            coarse = rng.integers(0, 256, (6, 8, 3) if number % 2 else (8, 5, 3), dtype=np.uint8)
            shape = (160, 120) if number % 2 else (100, 160)
            picture = Image.fromarray(coarse).resize(shape, Image.Resampling.BICUBIC)
            picture.save(tmp_path / "photos" / name / f"{number}.jpg", quality=95)
    return tmp_path / "photos"


def files(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.endswith(".lock"))


def test_several_processes_of_a_run_make_it_once(command, photos: Path, tmp_path: Path) -> None:
    words = ("model=mlp_image", "data=image_folder", f"data.root={photos}", f"data.cache={tmp_path / 'cache'}")
    sizes = ("data.image_size=32", "data.batch_size=4", "data.num_workers=0", "trainer.max_epochs=1", "logger=none")
    ran = command("train.py", *words, *sizes, "trainer=ddp_cpu", f"hydra.run.dir={tmp_path / 'run'}")
    assert ran.code == 0, ran.err
    assert len(files(tmp_path / "cache")) == 1 and ran.out.count("images from") == 1
