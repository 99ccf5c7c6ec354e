"""Plots the scores of an anomaly detection: a histogram of normal and anomalous samples, with the threshold."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from netyard.plots.dashboard import as_tensor
from netyard.plots.figure import ACCENT, DARK, GREY, colour, pixels
from netyard.plots.text import Table

_BINS = 40
_MARGINS = (56, 40, 20, 48)  # pixels around the axes: left, top, right, bottom
_LEAST = 1e-6  # scores are shown on a logarithmic axis, on which 0 has no place


def alarms_picture(alarms: Any, width: int = 640, height: int = 400) -> Tensor:
    """Plot the scores of ``netyard.tasks.parts.alarms.Alarms`` as histograms; (3, height, width) uint8."""
    return as_tensor(pixels(partial(_plot, alarms), width, height, _MARGINS))


def alarms_table(alarms: Any, names: list[str] | None) -> Table | None:
    """Return the share of alarms of each class; None without classes."""
    rows = [
        (name, kind, count, above, f"{int(above) / int(count):.4f}") for name, kind, count, above in alarms.rows(names)
    ]
    return Table(("class", "kind", "samples", "alarms", "share"), rows) if rows else None


def _plot(alarms: Any, axes: Any) -> None:
    scores = alarms.scores.double()
    scores = scores[scores.isfinite()].clamp(min=_LEAST)
    threshold = max(alarms.threshold, _LEAST)
    known = alarms.anomalous is not None and len(scores) == len(alarms.scores)
    parts = [("all samples", DARK, scores)]
    if known:
        parts = [("normal", DARK, scores[~alarms.anomalous]), ("anomalous", ACCENT, scores[alarms.anomalous])]
    ends = torch.cat([scores, torch.tensor([threshold] if threshold < float("inf") else [], dtype=torch.float64)])
    low, high = (float(ends.min()), float(ends.max())) if len(ends) else (0.1, 1.0)
    # A logarithmic axis, because scores of anomalies may be a thousand times those of normal samples.
    edges = torch.logspace(*torch.tensor([low / 1.1, high * 1.1]).log10().tolist(), _BINS + 1).tolist()
    for name, shade, part in parts:
        if len(part):
            axes.hist(part.tolist(), bins=edges, color=colour(shade), alpha=0.6, label=name)
    axes.axvline(threshold, color=colour(GREY), linewidth=1.5, linestyle="--", label="threshold")
    axes.set_xscale("log")
    axes.set(xlabel="score", ylabel="samples")
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderpad=0)
