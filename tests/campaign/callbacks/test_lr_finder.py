"""The learning rate that is found for each kind of task."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def shows(path: Path, tag: str) -> bool:
    return tag in EventAccumulator(str(path)).Reload().Tags()["images"]


@pytest.mark.parametrize(
    "overrides",
    [["data=digits"], ["data=diabetes"], ["model=vae_tiny"], ["model=lstm_tiny"], ["data=iris", "optimizer=sgd"]],
    ids=" ".join,
)
def test_a_learning_rate_is_found_at_which_the_task_learns(train, overrides: list[str], tmp_path: Path) -> None:
    ran = train("model=mlp_tiny", *overrides, "debug=lr_finder", path=tmp_path / "find")
    assert ran.code == 0, ran.err
    (found,) = [line for line in ran.out.splitlines() if "try optimizer.lr=" in line]
    rate = float(found.partition("optimizer.lr=")[2].partition(";")[0])
    assert 1e-5 < rate < 1
    with Image.open(ran.path / "lr_finder.png") as picture:
        assert min(picture.size) > 300
    assert shows(ran.path, "debug/lr_finder")

    first, *_, last = losses(train, overrides, rate, tmp_path / "found")
    slow, *_, still = losses(train, overrides, 1e-6, tmp_path / "slow")
    assert last < first and last < still, (rate, first, last, slow, still)


def losses(train, overrides: list[str], rate: float, path: Path) -> list[float]:
    settings = (f"optimizer.lr={rate}", "trainer.max_epochs=4", "logger=none", "callbacks.scores=null")
    ran = train("model=mlp_tiny", *overrides, *settings, path=path)
    assert ran.code == 0, ran.err
    head, *rows = [line.split(",") for line in (ran.path / "metrics.csv").read_text().splitlines()]
    return [float(row[head.index("train/loss")]) for row in rows]
