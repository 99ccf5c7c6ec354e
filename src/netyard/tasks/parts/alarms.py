"""Parts of anomaly detection: which classes are normal, the scale of a series, and the results of a test."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.tasks.interfaces import class_names, has_classes


class Alarms(NamedTuple):
    """The test samples of an anomaly detection, on the CPU."""

    scores: Tensor  # float32 (N,)
    labels: Tensor  # (N,)
    anomalous: Tensor | None  # bool (N,); None if it is unknown
    threshold: float

    def statistics(self) -> dict[str, float]:
        """Return the metrics of the test that need no order of the scores."""
        above = self.scores > self.threshold
        parts = {"alarms": above}
        if self.anomalous is not None:
            parts = {"recall": above[self.anomalous], "false_alarms": above[~self.anomalous]}
        found = {name: float(part.float().mean()) for name, part in parts.items() if len(part)}
        mean, most = float(self.scores.mean()), float(self.scores.max())
        return found | {"threshold": self.threshold, "score_mean": mean, "score_max": most}

    def rows(self, names: Sequence[str] | None) -> list[tuple[str, str, str, str]]:
        """Return a row for each class: name, whether it is normal, the number of samples, and of alarms."""
        if self.anomalous is None:
            return []
        found = []
        for label in self.labels.unique().tolist():
            of_class = self.labels == label
            kind = "anomalous" if bool(self.anomalous[of_class][0]) else "normal"
            above = int((self.scores[of_class] > self.threshold).sum())
            found.append((str(names[label] if names else label), kind, str(int(of_class.sum())), str(above)))
        return found


class SeriesScale(nn.Module):
    """Standardise the windows of series, which data give in their own units; other samples are not changed.

    Of several series the last channel of a window (..., num_columns + 1) is the number of its series, and becomes 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, num_series: int = 1, num_columns: int = 1) -> None:
        super().__init__()
        self.num_series = num_series
        shape = () if num_series * num_columns == 1 else (num_series, num_columns)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("std", torch.ones(shape))

    def set_statistics(self, data: Any) -> None:
        """Copy mean and standard deviation of the training steps of a series.

        Raises:
            ArgumentError: the data have covariates, which have no scale here.
        """
        if not hasattr(data, "series_statistics"):
            return
        counts = [getattr(data, f"num_{role}_channels", 0) or 0 for role in ("past", "future", "static")]
        if any(counts):
            raise ArgumentError(
                "task=anomaly scores series, and the data have covariates;",
                "each column that a window is scored by is named in data.column;",
                "try data.column=[a,b], without covariates and data.calendar.",
            )
        mean, std, _ = data.series_statistics()
        self.mean.copy_(mean)
        self.std.copy_(std)

    def forward(self, x: Tensor) -> Tensor:
        if not self.mean.ndim:
            return (x - self.mean) / self.std
        mean, std = self._statistics(x)
        scaled = (x[..., : mean.shape[-1]] - mean) / std
        return scaled if self.num_series == 1 else torch.cat([scaled, torch.zeros_like(x[..., :1])], dim=-1)

    def inverse(self, made: Tensor, x: Tensor) -> Tensor:
        """What was made of the windows ``x``, in their own units."""
        if not self.mean.ndim:
            return made * self.std + self.mean
        mean, std = self._statistics(x)
        found = made[..., : mean.shape[-1]] * std + mean
        return found if self.num_series == 1 else torch.cat([found, x[..., -1:]], dim=-1)

    def _statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation for windows (B, W, C): (1 or B, 1, num_columns)."""
        if self.num_series == 1:
            return self.mean[:, None], self.std[:, None]
        number = x[:, 0, -1].long()
        return self.mean[number][:, None], self.std[number][:, None]


def normal_labels(normal: Sequence[str] | None, data: Any) -> Tensor | None:
    """Return the labels of the normal classes, int64; None if the data have no classes.

    Raises:
        ArgumentError: the data have no classes, or not these; they have some, and none is named; all are normal.
    """
    if not has_classes(data):
        if normal is None:
            return None
        raise ArgumentError(
            f"task.normal is {','.join(normal)}, and the data have no classes;",
            "without classes all samples are taken as normal;",
            "try task.normal=null, or of a table data.target=COLUMN.",
        )
    known = [str(name) for name in class_names(data) or range(data.num_classes)]
    shown = f"the classes are {', '.join(known[:12])}{', ...' * (len(known) > 12)};"
    if not normal:
        raise ArgumentError("task.normal names no class, and the data have classes;", shown, f"try {_typed(known[0])}.")
    # A number that is no name is that of a class.
    numbers = {str(number): name for number, name in enumerate(known)}
    normal = [each if each in known else numbers.get(each, each) for each in normal]
    if unknown := [name for name in normal if name not in known]:
        near = [*get_close_matches(unknown[0], known, n=1), known[0]][0]
        raise ArgumentError(
            f"task.normal is {unknown[0]}, which is no class of the data;", shown, f"try {_typed(near)}."
        )
    return torch.tensor([known.index(name) for name in normal])


def _typed(name: str) -> str:
    return f"task.normal={name}" if name.isidentifier() else f"task.normal=[{name}]"
