"""The progress of a run: the texts of the bar and of the line per epoch."""

from __future__ import annotations

import io

from rich.console import Console

from netyard.callbacks.progress_bar import _clock, _PolledBar, _summary


def test_the_bar_reads_the_number_of_steps_when_it_is_drawn():
    steps = 3
    bar = _PolledBar(lambda: steps, console=Console(file=io.StringIO()))
    bar.add_task("fit", total=10, completed=steps)
    steps = 7
    assert bar.tasks[0].completed == 3
    bar.get_renderable()
    assert bar.tasks[0].completed == 7


def test_formats_of_times_and_metrics():
    assert [_clock(seconds) for seconds in (5, 65.9, 3600, 36065)] == ["0:05", "1:05", "1:00:00", "10:01:05"]
    metrics = {"val/loss": 0.25, "train/accuracy": 1.0, "test/loss": 3.0, "train/loss": 0.123456}
    assert _summary(metrics, ("train/", "val/")) == "train/loss 0.1235  train/accuracy 1  val/loss 0.25"
