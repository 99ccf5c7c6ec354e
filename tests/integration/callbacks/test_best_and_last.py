"""best.ckpt is of the best epoch, last.ckpt of the last, and both are whole at every moment."""

from __future__ import annotations

import csv
import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard.run_directories import manifest
from netyard.run_directories.manifest import Hashing
from netyard.training import checkpoint

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none", "trainer.max_epochs=5")


def rows(path: Path) -> list[dict[str, str]]:
    with (path / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def states(path: Path) -> tuple[dict, dict]:
    return tuple(checkpoint.read(path / "checkpoints" / f"{name}.ckpt") for name in ("best", "last"))


@pytest.mark.parametrize(("mode", "choose"), [("min", min), ("max", max)])
def test_best_is_the_epoch_that_the_curve_says(train, mode: str, choose):
    # With so large a rate the loss goes up and down.
    ran = train(*RUN, "optimizer=sgd", "optimizer.lr=2", "task.monitor=val/loss", f"task.mode={mode}")
    assert ran.code == 0, ran.err
    losses = [float(row["val/loss"]) for row in rows(ran.path)]
    objective = ran.json("results.json")["objective"]
    assert objective["epoch"] == losses.index(choose(losses))
    assert objective["value"] == pytest.approx(choose(losses), rel=1e-5)
    best, last = states(ran.path)
    assert (best["epoch"], last["epoch"]) == (objective["epoch"], 4)
    assert ran.json("results.json")["metrics"]["val/loss"] == objective["value"]


def test_best_is_left_alone_while_last_goes_on(train):
    # The first epoch is the worst, so the "best".
    ran = train(*RUN, "task.monitor=val/loss", "task.mode=max", "callbacks.checkpoint.keep=2")
    left_are(ran.path, (1, 4, 5))
    best, last = states(ran.path)
    assert (best["epoch"], last["epoch"]) == (0, 4)
    alone = train(*RUN, "task.monitor=val/loss", "task.mode=max", "trainer.max_epochs=1", path=ran.path.parent / "one")
    for name, value in checkpoint.read(alone.path / "checkpoints" / "best.ckpt")["state_dict"].items():
        assert torch.equal(value, best["state_dict"][name]), name


@pytest.mark.parametrize(("keep", "saves"), [(1, (1, 5)), (3, (1, 3, 4, 5))])
def test_the_newest_saves_and_the_best_are_left(train, keep: int, saves: tuple[int, ...]):
    ran = train(*RUN, "task.monitor=val/loss", "task.mode=max", f"callbacks.checkpoint.keep={keep}")
    left_are(ran.path, saves)


def left_are(path: Path, saves: tuple[int, ...]) -> None:
    """The files of these saves, and of the names of the best and the last."""
    folder = path / "checkpoints"
    steps = {int(row["epoch"]) + 1: row["step"] for row in rows(path)}
    names = [f"save-{number:05d}-step-{steps[number]}" for number in saves]
    assert sorted(each.name for each in folder.iterdir()) == sorted(
        ["best.ckpt", "last.ckpt", *(f"{name}.{end}" for name in names for end in ("ckpt", "json"))]
    )
    assert (folder / "best.ckpt").samefile(folder / f"{names[0]}.ckpt")
    assert (folder / "last.ckpt").samefile(folder / f"{names[-1]}.ckpt")


def test_a_checkpoint_holds_what_rebuilds_it_and_nothing_but_plain_types(finished):
    for state in states(finished("iris")):  # read with weights_only=True
        assert state["netyard"]["schema"] == checkpoint.SCHEMA
        assert state["netyard"]["choices"]["model"] == "mlp_tiny"
        assert state["netyard"]["config"]["model"]["hidden_sizes"] == [16]
        assert {"state_dict", "optimizer_states", "lr_schedulers", "loops", "callbacks"} <= set(state)


def test_a_resumed_run_remembers_how_good_the_best_was(train):
    ran = train(*RUN, "task.monitor=val/loss", "task.mode=max", "trainer.max_epochs=2")
    before = ran.json("results.json")["objective"]
    again = train(f"resume={ran.path}", "trainer.max_epochs=4", path=ran.path)
    assert again.code == 0, again.err
    assert again.json("results.json")["objective"] == before and before["epoch"] == 0
    best, last = states(ran.path)
    assert (best["epoch"], last["epoch"]) == (0, 3)


def test_only_validated_epochs_can_be_best(train):
    ran = train(*RUN, "trainer.check_val_every_n_epoch=2", "task.monitor=val/loss", "task.mode=min")
    assert ran.code == 0, ran.err
    best, last = states(ran.path)
    assert (best["epoch"], last["epoch"]) == (3, 4)
    assert [bool(row["val/loss"]) for row in rows(ran.path)] == [False, True, False, True, False]


@pytest.mark.parametrize("budget", ["trainer.max_epochs=2", "trainer.max_steps=3"])
def test_a_run_that_will_never_be_validated_is_refused_with_the_reason(train, budget: str):
    ran = train(*RUN, budget, "trainer.check_val_every_n_epoch=3")
    assert ran.code == 2
    assert "trainer.check_val_every_n_epoch is 3 and the run" in ran.err
    assert "try trainer.check_val_every_n_epoch=1." in ran.err


def test_a_run_whose_steps_end_within_an_epoch_is_validated_there(train):
    ran = train(*RUN, "trainer.max_steps=8")  # an epoch has 5 or 6
    assert ran.code == 0, ran.err
    last = rows(ran.path)[-1]
    assert last["step"] == "8" and last["train/loss"] and last["val/loss"]
    assert float(last["val/loss"]) != float(rows(ran.path)[0]["val/loss"])
    assert states(ran.path)[1]["global_step"] == ran.json("results.json")["steps"] == 8


@pytest.mark.parametrize(
    ("words", "key", "near"),
    [
        (["task.monitor=val/acuracy"], "task.monitor", "val/accuracy"),
        (["callbacks=[default,early_stopping]", "callbacks.early_stopping.monitor=val/los"], "", "val/loss"),
        (
            ["data=cartpole", "model=dqn", "task.monitor=val/lenght", "data.val_episodes=1"],
            "task.monitor",
            "val/length",
        ),
        (["data=digits", "model=vae_tiny", "task.monitor=val/diversty"], "task.monitor", "val/diversity"),
    ],
)
def test_a_monitor_that_nobody_logs_is_refused_before_an_epoch(train, words: list[str], key: str, near: str):
    ran = train(*RUN, *words)
    assert ran.code == 2, ran.err
    key = key or "callbacks.early_stopping.monitor"
    assert f"error: {key} is val/" in ran.err and f"try {key}={near}." in ran.err
    assert "epoch   0" not in ran.out and not ran.path.exists()


def test_another_metric_may_be_watched_and_changes_no_weight(train, tmp_path: Path):
    plain = train(*RUN, "trainer.max_epochs=2", path=tmp_path / "plain")
    other = train(*RUN, "trainer.max_epochs=2", "task.monitor=val/loss", "task.mode=min", path=tmp_path / "other")
    assert (plain.code, other.code) == (0, 0), other.err
    assert other.json("results.json")["objective"]["name"] == "val/loss"
    weights = [states(each.path)[1]["state_dict"] for each in (plain, other)]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


IRIS = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


def fill_after(monkeypatch: pytest.MonkeyPatch, saves: int, code: int = errno.ENOSPC, until: int = 99) -> None:
    """The disk takes so many saves and no more, until the one of number ``until``."""
    done: list[int] = []
    write, close = Hashing.write, Hashing.close

    def limited(self: Hashing, data: Any) -> int:
        if saves <= len(done) < until:
            raise OSError(code, os.strerror(code))
        return write(self, data)

    def counted(self: Hashing) -> str:
        done.append(1)
        return close(self)

    monkeypatch.setattr(Hashing, "write", limited)
    monkeypatch.setattr(Hashing, "close", counted)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_a_save_that_fails_ends_the_run_with_one_message(train, monkeypatch, code: int) -> None:
    fill_after(monkeypatch, saves=2, code=code)
    ran = train(*IRIS, "trainer.max_epochs=4", "data.batch_size=40")
    assert ran.code == 5 and ran.err.count("error: ") == 1 and "Traceback" not in ran.err
    assert os.strerror(code) in ran.err and f"resume={ran.path}" in ran.err and " free;" in ran.err
    assert ran.json("status.json")["state"] == "failed"
    folder = ran.path / "checkpoints"
    assert len(manifest.read_all(folder)) == 2 and not [*folder.glob(".*")] and len([*folder.glob("save-*")]) == 4
    if code != errno.ENOSPC:
        return  # the directory is the same after each of them, and so is what is resumed
    monkeypatch.undo()
    resumed = train(f"resume={ran.path}")
    assert resumed.code == 0 and ran.json("results.json")["epochs"] == 4, resumed.err


def test_a_run_may_go_on_without_a_save_or_two(train, monkeypatch) -> None:
    fill_after(monkeypatch, saves=1, until=3)
    ran = train(*IRIS, "trainer.max_epochs=4", "callbacks.checkpoint.on_save_error=warn")
    assert ran.code == 0, ran.err
    assert ran.err.count("the run continues, and earlier checkpoints are valid") == 2
    results = ran.json("results.json")
    assert results["objective"]["epoch"] in (0, 3), "the best is one of those that were saved"
    assert checkpoint.read(ran.path / "checkpoints" / "best.ckpt")["epoch"] == results["objective"]["epoch"]


def test_a_run_does_not_go_on_without_for_ever(train, monkeypatch) -> None:
    fill_after(monkeypatch, saves=1)
    ran = train(*IRIS, "trainer.max_epochs=9", "callbacks.checkpoint.on_save_error=warn")
    assert ran.code == 5 and ran.err.count("error: ") == 1 and ran.err.count("the run continues") == 2
    assert len((ran.path / "metrics.csv").read_text().splitlines()) == 1 + 4
    assert train(*IRIS, "callbacks.checkpoint.on_save_error=stpo", path=ran.path.with_name("other")).code == 2
