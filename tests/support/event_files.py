"""Reads the TensorBoard event files of a run."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def events(path: Path) -> EventAccumulator:
    return EventAccumulator(str(path), size_guidance={"histograms": 0}).Reload()


def has_image(path: Path, tag: str) -> bool:
    return tag in events(path).Tags()["images"]
