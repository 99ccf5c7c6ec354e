"""Samples are scored against the real part, with seeds and labels that do not depend on the run."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netyard.callbacks.scores import SampleScores
from netyard.data.fake import FakeImages

FACTS: dict[str, Any] = {
    "num_classes": 4,
    "channels": 1,
    "image_size": 8,
    "input_shape": [1, 8, 8],
    "mean": [0.5],
    "std": [0.29],
}
SCORES = {"frechet_distance", "diversity", "kernel_distance", "precision", "recall", "density", "coverage"}


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


@pytest.fixture(scope="module")
def data() -> FakeImages:
    return FakeImages(**FACTS, size=512)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scores")


def trainer_of(data: Any) -> Any:
    return SimpleNamespace(datamodule=data, world_size=1, global_rank=0, sanity_checking=False)


def scored(painter: Painter, data: Any, cache: Path, stage: str = "test", **settings: Any) -> dict[str, float]:
    callback = SampleScores(**{"num_val_samples": 64, "num_test_samples": 512, **settings}, cache=str(cache))
    trainer: Any = trainer_of(data)
    if stage == "test":
        callback.on_test_start(trainer, painter)  # type: ignore[arg-type]
        callback.on_test_epoch_end(trainer, painter)  # type: ignore[arg-type]
    else:
        callback.on_fit_start(trainer, painter)  # type: ignore[arg-type]
        callback.on_validation_epoch_end(trainer, painter)  # type: ignore[arg-type]
    return painter.logged


def real(data: FakeImages, part: str) -> Tensor:
    return torch.cat([x for x, _ in data.real_pictures(part)])


def test_real_pictures_score_well_and_noise_badly(data: FakeImages, place: Path) -> None:
    good = scored(Painter(real(data, "train")), data, place)
    bad = scored(Painter(torch.rand(200, 1, 8, 8)), data, place)
    assert set(good) == {f"test/{name}" for name in SCORES}
    assert good["test/frechet_distance"] < 0.1 * bad["test/frechet_distance"]
    assert good["test/kernel_distance"] < 0.1 * bad["test/kernel_distance"]
    assert good["test/precision"] > 0.8 and good["test/coverage"] > 0.8 and good["test/diversity"] > 0.8
    assert bad["test/precision"] < 0.2


def test_the_classifier_is_taught_once_for_all_runs(data, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "netyard"):
        first = dict(scored(Painter(real(data, "train")), data, tmp_path))
        assert caplog.text.count("teaching a small classifier") == 1
        assert len(list(tmp_path.glob("*.pt"))) == 2, "its weights, and the features of the test part"
        assert scored(Painter(real(data, "train")), data, tmp_path) == first
        assert caplog.text.count("teaching a small classifier") == 1
        scored(Painter(real(data, "train")), FakeImages(**FACTS, size=256), tmp_path)
        assert caplog.text.count("teaching a small classifier") == 2, "other pictures, another classifier"
