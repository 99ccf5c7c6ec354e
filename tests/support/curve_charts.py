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
    """Training and validation of each metric share a chart, and every curve is in a chart."""
    shown = layout_of(path)
    tags = events(path).Tags()["scalars"]

    def curves(patterns: list[str]) -> list[str]:
        return [tag for pattern in patterns for tag in tags if re.match(pattern, tag)]

    assert curves(shown["metrics"]["loss"]) == ["train/loss", "val/loss"] and next(iter(shown["metrics"])) == "loss"
    for title, patterns in shown["metrics"].items():
        assert curves(patterns) == [f"{stage}/{title}" for stage in ("train", "val") if f"{stage}/{title}" in tags]
    assert all(len(curves(patterns)) == 1 for patterns in shown["training"].values())
    charted = {tag for charts in shown.values() for patterns in charts.values() for tag in curves(patterns)}
    assert {tag for tag in tags if tag.startswith(("train/", "val/", "lr"))} == charted
