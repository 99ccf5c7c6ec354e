"""`debug=lr_finder`, `debug=batch_size` and `debug=profile`: what they suggest, write, and leave as it was."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.callbacks import batch_size
from netyard.callbacks.batch_size import BatchSizeFinder
from netyard.callbacks.lr_finder import LearningRateFinder
from netyard.callbacks.profile import OwnTime


def shows(path: Path, tag: str) -> bool:
    return tag in EventAccumulator(str(path)).Reload().Tags()["images"]


@pytest.mark.parametrize(
    "overrides",
    [["data=digits"], ["data=diabetes"], ["model=vae_tiny"], ["model=lstm_tiny"], ["data=iris", "optimizer=sgd"]],
    ids=" ".join,
)
def test_a_learning_rate_is_found_at_which_the_task_learns(train, overrides: list[str], tmp_path: Path) -> None:
    ran = train("model=mlp_tiny", *overrides, "debug=lr_finder", path=tmp_path / "find")
    assert ran.code == 0, ran.err
    (found,) = [line for line in ran.out.splitlines() if "try optimizer.lr=" in line]
    rate = float(found.partition("optimizer.lr=")[2].partition(";")[0])
    assert 1e-5 < rate < 1
    with Image.open(ran.path / "lr_finder.png") as picture:
        assert min(picture.size) > 300
    assert shows(ran.path, "debug/lr_finder")

    first, *_, last = losses(train, overrides, rate, tmp_path / "found")
    slow, *_, still = losses(train, overrides, 1e-6, tmp_path / "slow")
    assert last < first and last < still, (rate, first, last, slow, still)


def losses(train, overrides: list[str], rate: float, path: Path) -> list[float]:
    settings = (f"optimizer.lr={rate}", "trainer.max_epochs=4", "logger=none", "callbacks.scores=null")
    ran = train("model=mlp_tiny", *overrides, *settings, path=path)
    assert ran.code == 0, ran.err
    head, *rows = [line.split(",") for line in (ran.path / "metrics.csv").read_text().splitlines()]
    return [float(row[head.index("train/loss")]) for row in rows]


def test_the_weights_are_those_of_before(train, tmp_path: Path) -> None:
    """So that what is tested, and saved, is the network as it was initialised."""
    states = []
    for debug in ("lr_finder", "batch_size"):
        ran = train("model=cnn_tiny", f"debug={debug}", "logger=none", "optimizer.lr=1e-12", path=tmp_path / debug)
        assert ran.code == 0, ran.err
        states.append(torch.load(ran.path / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"])
    for name, tensor in states[0].items():
        if "running" not in name and "num_batches" not in name:  # the run goes on for the one batch
            torch.testing.assert_close(tensor, states[1][name], atol=1e-9, rtol=0)


def finder(losses: list[float], low: float = 1e-5, high: float = 1.0) -> LearningRateFinder:
    found = LearningRateFinder(low, high, len(losses))
    found.rates = [low * (high / low) ** (place / (len(losses) - 1)) for place in range(len(losses))]
    found.losses = losses
    return found


def test_the_steepest_fall_is_suggested_and_a_break_is_not_one() -> None:
    """A logistic fall around the rate 0.01, in noise, then a loss that breaks."""
    draw = torch.Generator().manual_seed(0)
    noise = (0.05 * torch.randn(100, generator=draw)).tolist()
    fall = [2.3 - 2 / (1 + math.exp(-(place - 60) / 4)) + noise[place] for place in range(95)]
    found = finder([*fall, 50.0, 1e3, 1e4, 1e5, 1e6])
    assert found.rates[60] / 2 < found.suggestion < found.rates[60] * 2


def test_a_loss_that_only_rises_suggests_nothing() -> None:
    assert finder([1 + place / 10 for place in range(100)]).suggestion is None


@pytest.mark.parametrize("settings", [{"low": 1.0, "high": 0.1}, {"low": 0.0}, {"num_steps": 3}])
def test_rates_that_are_none_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"try trainer\.max_steps=100"):
        LearningRateFinder(**settings)


@pytest.mark.parametrize("model", ["gan_tiny", "dqn"])
@pytest.mark.parametrize("debug", ["lr_finder", "batch_size"])
def test_where_the_loss_tells_nothing_is_one_message(train, model: str, debug: str) -> None:
    ran = train(f"model={model}", f"debug={debug}", "logger=none")
    assert ran.code == 2 and not ran.path.exists()
    assert ran.err.count("\n") == 1
    assert f"error: debug={debug} watches the training loss" in ran.err and "not for agents" in ran.err


@pytest.mark.parametrize("model", ["cnn_tiny", "seq2seq_tiny", "lstm_tiny data=python_source"])
def test_batch_sizes_are_timed_and_one_is_suggested(train, model: str, monkeypatch) -> None:
    monkeypatch.setattr(batch_size, "AT_LEAST", 0.01)
    name, *more = model.split()
    ran = train(f"model={name}", *more, "debug=batch_size", "callbacks.batch_size.max_size=32")
    assert ran.code == 0, ran.err
    rows = [line.strip("|").split("|") for line in ran.out.splitlines() if line.startswith("| ")][1:]
    rates = {int(row[0]): float(row[1].replace(",", "")) for row in rows if row[0].strip().isdecimal()}
    assert list(rates) == [1, 2, 4, 8, 16, 32]
    suggested = int(ran.out.partition("try data.batch_size=")[2].partition(",")[0])
    assert rates[suggested] >= 0.89 * max(rates.values())
    assert (ran.path / "batch_size.png").is_file() and shows(ran.path, "debug/batch_size")


def test_the_smallest_of_the_fast_sizes_is_suggested() -> None:
    found = BatchSizeFinder()
    found.rates = {1: 100.0, 2: 190.0, 4: 360.0, 8: 380.0, 16: 395.0}
    assert found.suggestion == 4


def test_what_does_not_fit_ends_the_search_without_ending_the_run(train, monkeypatch) -> None:
    def no_more(trainer: object, task: object, batch: tuple[torch.Tensor, ...]) -> None:
        if len(batch[0]) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(batch_size, "_step", no_more)
    monkeypatch.setattr(batch_size, "AT_LEAST", 0.001)
    ran = train("model=mlp_tiny", "debug=batch_size", "logger=none")
    assert ran.code == 0, ran.err
    assert "no larger one: 8 did not fit into the device's memory" in ran.out


def test_memory_that_would_be_taken_is_left(train, monkeypatch) -> None:
    monkeypatch.setattr(batch_size, "_free", lambda: 1.0)
    monkeypatch.setattr(batch_size, "_taken", lambda device: next(taken))
    monkeypatch.setattr(batch_size, "AT_LEAST", 0.001)
    taken = iter([1e6, 1e6, 2e6])
    ran = train("model=mlp_tiny", "debug=batch_size", "logger=none")
    assert "no larger one: 4 might not fit into the memory that is free" in ran.out


def test_a_second_is_counted_once(monkeypatch) -> None:
    clock = iter([0.0, 0.0, 1.0, 3.0, 3.0, 4.0, 10.0, 12.0, 12.0])
    monkeypatch.setattr("netyard.callbacks.profile.time.perf_counter", lambda: next(clock))
    profiler = OwnTime()
    with profiler.profile("epoch"):  # 0 to 10
        for _ in range(2):  # 1 to 3, 3 to 4
            with profiler.profile("[Strategy]Single.step"):
                pass
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in profiler.summary().splitlines()[2:]]
    assert rows == [
        ["epoch", "1", "7.0000", "58.3"],
        ["Single.step", "2", "3.0000", "25.0"],
        ["between these", "1", "2.0000", "16.7"],
    ]


def test_a_profile_adds_up_to_the_run(train) -> None:
    ran = train("debug=profile", "model=mlp_tiny", "logger=none")
    assert ran.code == 0, ran.err
    lines = (ran.path / "profile.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][2:]
    assert sum(float(row[3]) for row in rows) == pytest.approx(100, abs=6), "of two hundred rounded shares"
    calls = {row[0]: int(row[1].replace(",", "")) for row in rows}
    assert calls["SingleDeviceStrategy.backward"] == 20
    assert "what took time for itself" in ran.out
