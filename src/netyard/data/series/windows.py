"""All windows of a section of series, as batches of the past and the steps after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from netyard.data.core.loaders import Batch, TensorLoader
from netyard.data.core.orders import Order
from netyard.data.core.tensors import TensorSplit


@dataclass
class Windows:
    """All windows of a section of a series, at every step: the past as x, and the following steps as y.

    series: float32 (T,). x: (N, window, 1) and y: (N, horizon) with N = T - window - horizon + 1.
    """

    series: Tensor
    window: int
    horizon: int

    def __post_init__(self) -> None:
        # Views of the series: overlapping windows take no additional memory.
        both = self.series.unfold(0, self.window + self.horizon, 1)  # (N, window + horizon)
        self.x, self.y = both[:, : self.window, None], both[:, self.window :]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, index: Tensor) -> TensorSplit:
        return TensorSplit(self.x[index], self.y[index])

    def to(self, device: torch.device) -> Windows:
        # Moves the series and not x and y, whose copies would be window + horizon times as large.
        return Windows(self.series.to(device), self.window, self.horizon)

    def loader(self, order: Order, training: bool) -> TensorLoader:
        return TensorLoader(self.x, self.y, order)

    @property
    def device(self) -> torch.device:
        return self.series.device

    @property
    def num_bytes(self) -> int:
        return self.series.nbytes

    @property
    def content(self) -> dict[str, Any]:
        return {"series": self.series, "window": self.window, "horizon": self.horizon}

    @property
    def identity(self) -> dict[str, Any]:
        return self.content  # parsed from text, not computed: equal on all machines


@dataclass
class ChannelWindows:
    """Windows of several channels or series, which never have steps of two series.

    values: float32 (T, C), all series one after another, the ``num_targets`` targets first. starts: int64 (N,), the
    first step of each window. x: (N, window, C), or (N, window + horizon, C) if channels are known in advance; the
    first ``num_unknown`` channels of the last ``horizon`` steps are 0 there. y: (N, num_targets * horizon), target by
    target.
    """

    values: Tensor
    starts: Tensor
    window: int
    horizon: int
    num_targets: int
    num_unknown: int
    ahead: bool
    """Whether channels are known in advance."""

    def __len__(self) -> int:
        return len(self.starts)

    def gather(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """x and y of some windows, copied."""
        # A view (T - L + 1, C, L), whose samples are copied one by one.
        both = self.values.unfold(0, self.window + self.horizon, 1)
        part = both.index_select(0, self.starts[index])  # (B, C, L)
        y = part[:, : self.num_targets, self.window :].flatten(1)
        if not self.ahead:
            return part[:, :, : self.window].transpose(1, 2).contiguous(), y
        x = part.transpose(1, 2).contiguous()
        x[:, self.window :, : self.num_unknown] = 0.0
        return x, y

    @cached_property
    def y(self) -> Tensor:
        targets = self.values[:, : self.num_targets].unfold(0, self.window + self.horizon, 1)
        return targets[self.starts][:, :, self.window :].flatten(1)

    def take(self, index: Tensor) -> TensorSplit:
        return TensorSplit(*self.gather(index))

    def to(self, device: torch.device) -> ChannelWindows:
        rest = (self.window, self.horizon, self.num_targets, self.num_unknown, self.ahead)
        return ChannelWindows(self.values.to(device), self.starts.to(device), *rest)

    def loader(self, order: Order, training: bool) -> TensorLoader:
        return WindowLoader(self, order)

    @property
    def device(self) -> torch.device:
        return self.values.device

    @property
    def num_bytes(self) -> int:
        return self.values.nbytes + self.starts.nbytes

    @property
    def content(self) -> dict[str, Any]:
        return {
            "values": self.values,
            "starts": self.starts,
            "window": self.window,
            "horizon": self.horizon,
            "targets": self.num_targets,
        }

    @property
    def identity(self) -> dict[str, Any]:
        return self.content  # parsed from text; the calendar is rounded: equal on all machines


class WindowLoader(TensorLoader):
    """Batches of windows that are copied when they are needed: all of them would take many times the memory."""

    def __init__(self, windows: ChannelWindows, order: Order) -> None:
        self.windows, self.order = windows, order

    def __iter__(self) -> Iterator[Batch]:
        for index, key in self.order:
            yield *self.windows.gather(index), key
