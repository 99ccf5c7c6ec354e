"""What ``debug=`` makes of a run."""

from __future__ import annotations

import csv


def test_overfitting_learns_the_same_batches_by_heart(train) -> None:
    ran = train("debug=overfit", "trainer.max_epochs=40", "logger=none", "callbacks.figures=null")
    assert ran.code == 0, ran.err
    with (ran.path / "metrics.csv").open(newline="", encoding="utf-8") as file:
        assert float(list(csv.DictReader(file))[-1]["train/accuracy"]) == 1.0
