"""Samples are scored against the real part, with seeds and labels that do not depend on the run."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netyard.callbacks.sample_quality import SampleScores
from netyard.data.images.fake import FakeImages
from netyard.metrics.fid import frechet_distance
from support import datasets
from support.sample_scores import Painter, fakes, real, scored, trainer_of


@pytest.fixture(autouse=True)
def taught_in_a_few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """How well the classifier tells the pictures is of no importance here."""
    monkeypatch.setattr("netyard.metrics.reference_classifier.num_steps", lambda num_samples: 10)


@pytest.fixture(scope="module")
def data() -> FakeImages:
    return fakes()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scores")


def test_a_validation_asks_for_the_cheap_scores_alone(data: FakeImages, place: Path) -> None:
    assert set(scored(Painter(real(data, "val")), data, place, "val")) == {"val/frechet_distance", "val/diversity"}


def test_samples_come_from_the_same_seeds_each_time_and_disturb_no_random_numbers(data, place: Path) -> None:
    before, painters = torch.get_rng_state(), [Painter(real(data, "val")) for _ in range(2)]
    scores = [scored(painter, data, place, "val", num_val_samples=600) for painter in painters]
    assert scores[0] == scores[1] and painters[0].asked == painters[1].asked
    assert [count for count, _ in painters[0].asked] == [256, 256, 256]
    assert len({seed for _, seed in painters[0].asked}) == 3
    assert torch.equal(torch.get_rng_state(), before)


def test_a_conditional_net_is_told_the_real_labels(data: FakeImages, place: Path) -> None:
    painter = Painter(real(data, "val"), conditional=True)
    scored(painter, data, place, num_test_samples=2 * len(data.split("test")))
    told = torch.cat(painter.labels)
    expected = torch.cat([y for _, y in data.real_samples("test")])
    assert torch.equal(told, expected.repeat(9)[: len(told)]) and len(told) >= 2 * len(expected)


def test_pictures_of_nan_have_no_distance_and_stop_nothing(data: FakeImages, place: Path) -> None:
    got = scored(Painter(torch.full((4, 1, 8, 8), math.nan)), data, place)
    assert list(got) == ["test/frechet_distance"] and math.isnan(got["test/frechet_distance"])


def test_two_devices_draw_between_them_what_one_draws(data: FakeImages, place: Path) -> None:
    shares: list[Tensor] = []

    def features_of(world: int, rank: int) -> Tensor:
        callback, painter = SampleScores(num_test_samples=1000, cache=str(place)), Painter(real(data, "train"))
        painter.all_gather = lambda share: torch.stack([*shares, share])  # type: ignore[assignment]
        trainer: Any = trainer_of(data)
        trainer.world_size, trainer.global_rank = world, rank
        callback.on_test_start(trainer, painter)  # type: ignore[arg-type]
        return callback._generated_features(trainer, painter, torch.zeros(4, dtype=torch.int64), "test")

    alone = features_of(1, 0)
    assert alone.shape == (1000, 64)
    first = features_of(2, 0)  # what rank 0 brings: the portions 0 and 2
    shares.append(torch.stack([alone[:256], alone[512:768]]))
    assert torch.equal(first[:512], shares[0].flatten(0, 1))
    assert torch.equal(features_of(2, 1), alone)


@pytest.mark.parametrize(
    ("sources", "warnings"),
    [("flat", 0), ("flat flat", 0), ("real flat", 1), ("real flat flat", 1), ("real real", 0)],
)
def test_a_collapse_is_told_of_once_but_not_a_beginning(data, place, caplog, sources: str, warnings: int) -> None:
    made = {"flat": torch.full((4, 1, 8, 8), 0.5), "real": real(data, "val")}
    callback = SampleScores(num_val_samples=64, num_test_samples=512, cache=str(place))
    trainer: Any = trainer_of(data)
    painter: Any = Painter(made["flat"])
    callback.on_fit_start(trainer, painter)
    with caplog.at_level(logging.WARNING, "netyard"):
        for source in sources.split():
            painter.source = made[source]
            callback.on_validation_epoch_end(trainer, painter)
    assert caplog.text.count("may have collapsed") == warnings
    assert (painter.logged["val/diversity"] < 1e-6) == sources.endswith("flat")


def test_a_collapse_is_told_of_at_the_test(data, place: Path, caplog: pytest.LogCaptureFixture) -> None:
    scored(Painter(torch.full((4, 1, 8, 8), 0.5)), data, place)
    assert "may have collapsed; try another seed" in caplog.text


def test_a_network_of_the_users_own_is_taken(data: FakeImages, tmp_path: Path) -> None:
    scored(Painter(real(data, "val")), data, tmp_path, network=nn.Flatten(), features="a run")
    assert len(list(tmp_path.glob("*.pt"))) == 1, "the features of the test part, and no classifier"


@pytest.mark.parametrize("kind", ["draws nothing", "no pictures", "another's data"])
def test_what_cannot_be_scored_is_left_alone(kind: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data: Any = SimpleNamespace(input_shape=[8, 8] if kind == "no pictures" else [1, 8, 8], num_classes=None)
    if kind != "another's data":
        data.real_samples = lambda *_: iter(())
    painter: Any = Painter(torch.rand(2, 1, 8, 8)) if kind != "draws nothing" else SimpleNamespace(logged={})
    with caplog.at_level(logging.WARNING, "netyard"):
        scored(painter, data, tmp_path)
    assert not list(tmp_path.iterdir()) and getattr(painter, "asked", []) == []


def test_without_classes_the_features_are_of_a_network_with_random_weights(tmp_path: Path) -> None:
    images = fakes()
    images.setup()
    images.num_classes = None
    scores = [scored(Painter(real(images, "val")), images, tmp_path, num_test_samples=64) for _ in range(2)]
    assert scores[0] == scores[1], "the same for every run"
    noise = scored(Painter(torch.rand(16, 1, 8, 8)), images, tmp_path, num_test_samples=64)
    assert noise["test/frechet_distance"] > 2 * scores[0]["test/frechet_distance"]


class Rower(nn.Module):
    """A task that draws rows (count, F)."""

    monitor, conditional, device = "val/frechet_distance", False, torch.device("cpu")

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.drawn = rows

    def rows(self, count: int, seed: int = 0) -> Tensor:
        chosen = torch.randint(len(self.drawn), (count,), generator=torch.Generator().manual_seed(seed))
        return self.drawn[chosen]

    def log_dict(self, scores: dict[str, Tensor], batch_size: int) -> None:
        self.scores = {name: float(value) for name, value in scores.items()}


def test_rows_are_compared_by_their_standardised_numbers(place: Path) -> None:
    data = datasets.build("wine")
    data.setup()
    train = data.split("train").x
    distances = []
    for rows in (train, train + 1, train[:1]):
        callback, rower = SampleScores(num_test_samples=2000, cache=str(place)), Rower(rows)
        callback.on_test_start(trainer_of(data), rower)  # type: ignore[arg-type]
        callback.on_test_epoch_end(trainer_of(data), rower)  # type: ignore[arg-type]
        distances.append(rower.scores["test/frechet_distance"])
    # The distance of the moments themselves, and 13 columns that are 1 too large.
    real = data.split("test").x
    assert distances[0] == pytest.approx(float(frechet_distance(real, train)), rel=0.1)
    assert 10 < distances[1] - distances[0] < 16
    assert rower.scores["test/diversity"] == pytest.approx(0, abs=1e-6)
