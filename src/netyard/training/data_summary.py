"""What a run says of its data: the lines before training, and ``data_summary`` of ``results.json``."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import lightning as L

from netyard.tasks.interfaces import HasSplits, RemarksOnData, SummarizesData

log = logging.getLogger(__name__)

_CLASSES_SHOWN = 12  # in the log; results.json has all
_LEFT_OUT_SHOWN = 5
_COLUMNS_SHOWN = 5  # of each kind


def summary_of(datamodule: L.LightningDataModule) -> dict[str, Any]:
    """The summary of the data, which is read for it; empty for a data module that has none."""
    return datamodule.summary() if isinstance(datamodule, SummarizesData) else {}


def remarks_of(task: L.LightningModule, datamodule: L.LightningDataModule) -> list[str]:
    """What the task says of these data, and whether a batch is larger than the training part."""
    found = task.remarks(datamodule) if isinstance(task, RemarksOnData) else []
    size = getattr(datamodule, "batch_size", None)
    if isinstance(datamodule, HasSplits) and size is not None:
        count = len(datamodule.split("train"))
        if 1 < count < size:
            found.append(f"data.batch_size={size} is more than the {count} training samples: an epoch is one step")
    return found


def record(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The summary as ``results.json`` has it.

    ``parts`` has ``samples`` and ``from`` of each split; ``left_out`` pairs of what and why; ``duplicates`` their
    number, ``duplicate_pairs`` that of each pair of splits; ``columns`` the kind of each column, ``column_facts`` what
    else is known of it. Other keys are those of ``DataModule.summary``.
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
        elif key == "columns":
            recorded[key] = {name: each["kind"] for name, each in value.items()}
            recorded["column_facts"] = {name: facts for name, each in value.items() if (facts := _facts(each))}
        else:
            recorded[key] = value
    return recorded


def _facts(column: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in column.items() if name not in ("kind", "used")}


def log_summary(summary: Mapping[str, Any]) -> None:
    """Log the summary in two or three lines."""
    for line in lines(summary):
        log.info("%s", line)


def lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """The lines of the log: splits; classes, labels; columns; texts; remarks, what was left out or is in two splits."""
    if splits := summary.get("splits"):
        parts = [f"{name} {each['samples']:,} ({each['source']})" for name, each in splits.items()]
        absent = [f"no {part}" for name, part in (("val", "validation"), ("test", "test")) if name not in splits]
        yield f"data: {', '.join([*parts, *absent])}"
    if classes := summary.get("classes"):
        shown = [f"{name} {number:,}" for name, number in list(classes.items())[:_CLASSES_SHOWN]]
        rest = f", {len(classes) - len(shown)} more" if len(classes) > len(shown) else ""
        yield f"{len(classes)} class{'es' * (len(classes) != 1)} in training: {', '.join(shown)}{rest}"
    if labels := summary.get("labels"):
        # The most frequent first, and the others by their number.
        ordered = sorted(labels.items(), key=lambda item: -item[1])
        shown = [f"{name} {number:,}" for name, number in ordered[:_CLASSES_SHOWN]]
        rest = f", {len(labels) - len(shown)} more" if len(labels) > len(shown) else ""
        yield f"{len(labels)} labels in training: {', '.join(shown)}{rest}"
    if prepared := summary.get("preprocessing"):
        values = [f"{key} {_short(value)}" for key, value in prepared.items() if key != "made_for"]
        made_for = f"images as the weights of {prepared['made_for']} need them: {', '.join(values)}"
        yield f"{made_for} (model.preprocessing=data: as the data say)"
    if columns := summary.get("columns"):
        yield f"columns: {'; '.join(_by_kind(columns))}"
    yield from (str(each["sentence"]) for each in summary.get("texts", {}).values())
    found = [f"{_counted(each)} ({each['why']})" for each in summary.get("left_out", [])]
    remarks = list(summary.get("remarks", []))
    if found:
        more = [f"{len(found) - _LEFT_OUT_SHOWN} more"] * (len(found) > _LEFT_OUT_SHOWN)
        remarks.append(f"left out: {', '.join([*found[:_LEFT_OUT_SHOWN], *more])}")
    same = [f"{number:,} in {pair.replace('-', ' and ')}" for pair, number in _pairs(summary).items() if number]
    if same:
        remarks.append(f"identical samples: {', '.join(same)}")
    if remarks:
        yield "; ".join(remarks)


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value))}]"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _pairs(summary: Mapping[str, Any]) -> Mapping[str, int]:
    return summary.get("duplicates") or {}


def _counted(left_out: Mapping[str, Any]) -> str:
    return f"{left_out['count']:,} {left_out['what']}"


def _by_kind(columns: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The columns of each kind, with their remarks: ``2 number (a in $, b); 1 date left out (day)``."""
    kinds: dict[str, list[str]] = {}
    for name, each in columns.items():
        remarks = [str(each[key]) for key in ("as", "format", "note") if key in each]
        remarks += [f"{each[key]:,} {key}" for key in ("missing", "unseen") if key in each]
        kinds.setdefault(each["kind"], []).append(f"{name}: {', '.join(remarks)}" if remarks else name)
    for kind, names in kinds.items():
        # Those with a remark first: they are the guesses.
        shown = sorted(names, key=lambda name: ": " not in name)[:_COLUMNS_SHOWN]
        more = [f"{len(names) - len(shown):,} more"] * (len(names) > len(shown))
        yield f"{len(names):,} {kind} ({', '.join([*shown, *more])})"
