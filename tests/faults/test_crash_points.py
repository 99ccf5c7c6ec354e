"""A process that dies at any instant of a save leaves the state of before or the one that was being saved, whole."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from netyard import checkpoint, manifests
from netyard.callbacks.checkpoint import BestAndLast
from netyard.errors import CheckpointError

CALLS = [(os, name) for name in ("open", "fsync", "replace", "link", "unlink", "rename")]
METHODS = [(Path, name) for name in ("open", "replace", "unlink", "mkdir")]


class Dying:
    """Counts the calls by which a save changes the disk; before the one of number ``at`` the process is killed."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int | None) -> None:
        self.count, self.at = 0, at
        for owner, name in [*CALLS, *METHODS]:
            patch.setattr(owner, name, self._counting(getattr(owner, name)))
        patch.setattr(manifests.Hashing, "write", self._counting(manifests.Hashing.write))

    def _counting(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **kwargs)

        return counted


class Saver:
    """Saves states of a run with the run's own callback and file format; a state is a number, everywhere in it."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.callback = BestAndLast("val/score", "max", keep, str(folder))
        self.io = checkpoint.WholeFileIO()
        folder.mkdir(parents=True, exist_ok=True)

    def save(self, number: int, best: bool) -> None:
        trainer: Any = SimpleNamespace(
            global_step=10 * number,
            current_epoch=number,
            is_global_zero=True,
            loggers=[],
            save_checkpoint=lambda path, weights_only: self.io.save_checkpoint(self._state(number), path),
            strategy=SimpleNamespace(checkpoint_io=self.io, barrier=lambda name: None),
        )
        self.callback.save(trainer, best)

    def _state(self, number: int) -> dict[str, Any]:
        own = {"callback": self.callback.state_dict()}
        return {"global_step": 10 * number, "state_dict": {"weight": torch.full((300,), float(number))}, **own}


def read(folder: Path, name: str) -> int:
    """The number of a state, once all of it is seen to be of one number."""
    found = checkpoint.read(folder / f"{name}.ckpt")
    number = int(found["global_step"] / 10)
    assert torch.equal(found["state_dict"]["weight"], torch.full((300,), float(number)))
    assert found["callback"]["number"] == number
    return number


def saves(folder: Path, keep: int, bests: tuple[bool, ...], patch: Callable[[], Dying]) -> Dying:
    """States 1, 2, ... one after another; dies, if at all, in the last save."""
    saver = Saver(folder, keep)
    for number, best in enumerate(bests[:-1], start=1):
        saver.save(number, best)
    dying = patch()
    saver.save(len(bests), bests[-1])
    return dying


def in_child(what: Callable[[], object]) -> int:
    process = os.fork()
    if process == 0:
        what()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def histories() -> Iterator[tuple[int, tuple[bool, ...]]]:
    """How many saves stay, and which of the saves so far were the best: every course of up to three."""
    for keep in (1, 2):
        for length in (1, 2, 3):
            for bits in range(2 ** (length - 1)):
                yield keep, (True, *(bool(bits >> at & 1) for at in range(length - 1)))


@pytest.mark.parametrize(("keep", "bests"), [*histories()])
def test_a_kill_at_every_point_of_a_save(tmp_path: Path, keep: int, bests: tuple[bool, ...]) -> None:
    newest = len(bests)
    best_at = [
        max((at for at, best in enumerate(bests[:upto], start=1) if best), default=0) for upto in range(newest + 1)
    ]
    with pytest.MonkeyPatch.context() as patch:
        points = saves(tmp_path / "whole", keep, bests, lambda: Dying(patch, None)).count
    assert points > 10
    for point in range(1, points + 1):
        folder = tmp_path / str(point)

        def die(folder: Path = folder, point: int = point) -> None:
            saves(folder, keep, bests, lambda: Dying(pytest.MonkeyPatch(), point))

        assert in_child(die) == -signal.SIGKILL, point
        try:
            last = read(folder, "last")
        except CheckpointError as error:
            assert newest == 1 and "no checkpoint" in str(error), f"point {point}: {error}"
            last = 0
        assert last in (newest - 1, newest)
        if last:
            assert read(folder, "best") == best_at[last], f"point {point}"
        # What a resumed run does first, and its next save.
        manifests.tidy(folder)
        saver = Saver(folder, keep)
        if last:
            saver.callback.load_state_dict(checkpoint.read(folder / "last.ckpt")["callback"])
        saver.save(last + 1, best=True)
        assert (read(folder, "last"), read(folder, "best")) == (last + 1, last + 1)
        stay = {"best.ckpt", "last.ckpt"} | {
            f"{each.name}.{end}" for each in manifests.known(folder) for end in ("ckpt", "json")
        }
        assert {path.name for path in folder.iterdir()} == stay
