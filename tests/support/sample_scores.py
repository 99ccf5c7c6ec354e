"""A task that generates given images, and the scores of its samples."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from netyard.callbacks.sample_quality import SampleScores
from netyard.data.images.fake import FakeImages

FACTS: dict[str, Any] = {
    "num_classes": 4,
    "channels": 1,
    "image_size": 8,
    "input_shape": [1, 8, 8],
    "mean": [0.5],
    "std": [0.29],
}


def fakes(size: int = 512) -> FakeImages:
    return FakeImages(**FACTS, size=size)


class Painter(nn.Module):
    """Draws the pictures of ``source`` (N, C, H, W), chosen by the seed, and remembers how it was asked."""

    device = torch.device("cpu")

    def __init__(self, source: Tensor, conditional: bool = False) -> None:
        super().__init__()
        self.source, self.conditional = source, conditional
        self.logged: dict[str, Any] = {}
        self.asked: list[tuple[int, int]] = []
        self.labels: list[Tensor] = []

    def pictures(self, count: int, seed: int = 0, label: Tensor | None = None) -> Tensor:
        self.asked.append((count, seed))
        if label is not None:
            self.labels.append(label)
        generator = torch.Generator().manual_seed(seed)
        return self.source[torch.randint(len(self.source), (count,), generator=generator)]

    def log_dict(self, scores: dict[str, Tensor], **_: Any) -> None:
        self.logged.update({name: float(value) for name, value in scores.items()})

    def log(self, name: str, value: float, **_: Any) -> None:
        self.logged[name] = float(value)


def trainer_of(data: Any) -> Any:
    return SimpleNamespace(datamodule=data, world_size=1, global_rank=0, sanity_checking=False)


def scored(
    painter: Painter, data: Any, cache: Path, stage: str = "test", network: Any = None, **settings: Any
) -> dict[str, float]:
    callback = SampleScores(**{"num_val_samples": 64, "num_test_samples": 512, **settings}, cache=str(cache))
    run: Any = SimpleNamespace(feature_network=lambda path: network)
    callback.attach(run)
    trainer: Any = trainer_of(data)
    if stage == "test":
        callback.on_test_start(trainer, painter)  # type: ignore[arg-type]
        callback.on_test_epoch_end(trainer, painter)  # type: ignore[arg-type]
    else:
        callback.on_fit_start(trainer, painter)  # type: ignore[arg-type]
        callback.on_validation_epoch_end(trainer, painter)  # type: ignore[arg-type]
    return painter.logged


def real(data: FakeImages, part: str) -> Tensor:
    return torch.cat([x for x, _ in data.real_samples(part)])
