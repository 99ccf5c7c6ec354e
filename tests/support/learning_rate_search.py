"""Checks the learning rate that `debug=lr_finder` suggests, and trains with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from support.command_result import Ran
from support.event_files import has_image


def check_found_rate(train: Callable[..., Ran], overrides: list[str], tmp_path: Path) -> None:
    """A rate is suggested and plotted; with it the training loss falls, and further than with a tiny rate."""
    ran = train("model=mlp_tiny", *overrides, "debug=lr_finder", path=tmp_path / "find")
    assert ran.code == 0, ran.err
    (found,) = [line for line in ran.out.splitlines() if "try optimizer.lr=" in line]
    rate = float(found.partition("optimizer.lr=")[2].partition(";")[0])
    assert 1e-5 < rate < 1
    with Image.open(ran.path / "lr_finder.png") as picture:
        assert min(picture.size) > 300
    assert has_image(ran.path, "debug/lr_finder")

    first, *_, last = _losses(train, overrides, rate, tmp_path / "found")
    slow, *_, still = _losses(train, overrides, 1e-6, tmp_path / "slow")
    assert last < first and last < still, (rate, first, last, slow, still)


def _losses(train: Callable[..., Ran], overrides: list[str], rate: float, path: Path) -> list[float]:
    settings = (f"optimizer.lr={rate}", "trainer.max_epochs=4", "logger=none", "callbacks.scores=null")
    ran = train("model=mlp_tiny", *overrides, *settings, path=path)
    assert ran.code == 0, ran.err
    head, *rows = [line.split(",") for line in (ran.path / "metrics.csv").read_text().splitlines()]
    return [float(row[head.index("train/loss")]) for row in rows]
