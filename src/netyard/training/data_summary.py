"""What a run says of its data: the lines before training, and ``data_summary`` of ``results.json``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import lightning as L

from netyard.tasks.interfaces import SummarizesData

log = logging.getLogger(__name__)

_CLASSES_SHOWN = 12  # in the log; results.json has all
_LEFT_OUT_SHOWN = 5


def summary_of(datamodule: L.LightningDataModule) -> dict[str, Any]:
    """The summary of the data, which is read for it; empty for a data module that has none."""
    return datamodule.summary() if isinstance(datamodule, SummarizesData) else {}


def record(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary as ``results.json`` has it.

    ``parts`` has ``samples`` and ``from`` of each split; ``left_out`` pairs of what and why; ``duplicates`` their
    number, ``duplicate_pairs`` that of each pair of splits. Other keys are those of ``DataModule.summary``.
    """
    recorded: dict[str, Any] = {}
    for key, value in summary.items():
        if key == "splits":
            recorded["parts"] = {
                name: {"samples": each["samples"], "from": each["source"]} for name, each in value.items()
            }
        elif key == "left_out":
            recorded[key] = [[_counted(each), each["why"]] for each in value]
        elif key == "duplicates":
            recorded[key] = None if value is None else sum(value.values())
            recorded["duplicate_pairs"] = value
        else:
            recorded[key] = value
    return recorded


def log_summary(summary: Mapping[str, Any]) -> None:
    """Log the summary in two or three lines."""
    for line in lines(summary):
        log.info("%s", line)


def lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the log: splits; classes; what was left out and what is in two splits, if anything."""
    if splits := summary.get("splits"):
        parts = [f"{name} {each['samples']:,} ({each['source']})" for name, each in splits.items()]
        yield f"data: {', '.join(parts)}"
    if classes := summary.get("classes"):
        shown = [f"{name} {number:,}" for name, number in list(classes.items())[:_CLASSES_SHOWN]]
        rest = f", {len(classes) - len(shown)} more" if len(classes) > len(shown) else ""
        yield f"{len(classes)} classes in training: {', '.join(shown)}{rest}"
    found = [f"{_counted(each)} ({each['why']})" for each in summary.get("left_out", [])]
    remarks = []
    if found:
        more = [f"{len(found) - _LEFT_OUT_SHOWN} more"] * (len(found) > _LEFT_OUT_SHOWN)
        remarks.append(f"left out: {', '.join([*found[:_LEFT_OUT_SHOWN], *more])}")
    same = [f"{number:,} in {pair.replace('-', ' and ')}" for pair, number in _pairs(summary).items() if number]
    if same:
        remarks.append(f"identical samples: {', '.join(same)}")
    if remarks:
        yield "; ".join(remarks)


def _pairs(summary: Mapping[str, Any]) -> Mapping[str, int]:
    return summary.get("duplicates") or {}


def _counted(left_out: Mapping[str, Any]) -> str:
    return f"{left_out['count']:,} {left_out['what']}"
