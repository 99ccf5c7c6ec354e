"""The charts of each kind of task."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout


def layout_of(path: Path) -> dict[str, dict[str, list[str]]]:
    (*_, event) = EventAccumulator(str(path)).Reload().Tensors("custom_scalars__config__")
    found = Layout.FromString(event.tensor_proto.string_val[0])
    return {
        category.title: {chart.title: list(chart.multiline.tag) for chart in category.chart}
        for category in found.category
    }


TASKS = {
    "classification": ("model=mlp_tiny", "data=iris"),
    "regression": ("model=mlp_tiny", "data=diabetes"),
    "variational": ("model=vae_tiny", "data=digits"),
    "forecasting": ("model=gru_tiny", "data=sunspots"),
}


@pytest.mark.parametrize("task", TASKS)
def test_training_and_validation_of_each_metric_stand_in_one_chart(train, task: str):
    ran = train(
        *TASKS[task], "trainer=cpu", "trainer.max_epochs=2", "trainer.log_every_n_steps=1", "callbacks.scores=null"
    )
    assert ran.code == 0, ran.err
    shown = layout_of(ran.path)
    tags = EventAccumulator(str(ran.path)).Reload().Tags()["scalars"]

    def curves(patterns: list[str]) -> list[str]:
        return [tag for pattern in patterns for tag in tags if re.match(pattern, tag)]

    assert curves(shown["metrics"]["loss"]) == ["train/loss", "val/loss"] and next(iter(shown["metrics"])) == "loss"
    for title, patterns in shown["metrics"].items():
        assert curves(patterns) == [f"{stage}/{title}" for stage in ("train", "val") if f"{stage}/{title}" in tags]
    assert all(len(curves(patterns)) == 1 for patterns in shown["training"].values())
    charted = {tag for charts in shown.values() for patterns in charts.values() for tag in curves(patterns)}
    assert {tag for tag in tags if tag.startswith(("train/", "val/", "lr"))} == charted
