"""Checks the TensorBoard charts of the curves of a run."""

from __future__ import annotations

import re
from pathlib import Path

from tensorboard.plugins.custom_scalar.layout_pb2 import Layout

from support.event_files import events


def layout_of(path: Path) -> dict[str, dict[str, list[str]]]:
    (*_, event) = events(path).Tensors("custom_scalars__config__")
    found = Layout.FromString(event.tensor_proto.string_val[0])
    return {
        category.title: {chart.title: list(chart.multiline.tag) for chart in category.chart}
        for category in found.category
    }


def check_charts(path: Path) -> None:
    """Training and validation of each metric share a chart, as two runs, and every curve is in a chart."""
    shown = layout_of(path)
    beside = events(path / "train").Tags()["scalars"]
    tags = [*events(path).Tags()["scalars"], *beside]

    def curves(patterns: list[str]) -> list[str]:
        return [tag for pattern in patterns for tag in tags if re.match(pattern, tag)]

    assert curves(shown["metrics"]["loss"]) == ["training/loss", "val/loss"] and next(iter(shown["metrics"])) == "loss"
    for title, patterns in shown["metrics"].items():
        assert curves(patterns) == [f"{stage}/{title}" for stage in ("training", "val") if f"{stage}/{title}" in tags]
    assert all(len(curves(patterns)) == 1 for patterns in shown["training"].values())
    charted = {tag for charts in shown.values() for patterns in charts.values() for tag in curves(patterns)}
    drawn_beside = {tag.replace("training/", "train/") for tag in beside}
    assert {tag for tag in tags if tag.startswith(("train/", "training/", "val/", "lr"))} - drawn_beside == charted
