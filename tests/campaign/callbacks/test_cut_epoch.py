"""A run of every task whose time is over twice, within epochs, ends with the bits of an uninterrupted one."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace

import pytest

from netyard.callbacks import run_limits
from support.cut_runs import CUTS, TINY, compare, in_parts, start
from support.stopped_runs import QUIET, RUNS
from support.user_files import write_user_files

SETTINGS = [(task, settings) for task, each in RUNS.items() for settings in each]


@pytest.mark.parametrize(("common", "parts", "alone"), [*CUTS.values()], ids=[*CUTS])
def test_a_run_that_was_cut_off_ends_with_the_same_bits(common, parts, alone, tmp_path: Path) -> None:
    assert in_parts(tmp_path, [*TINY, *common], parts, alone) == []


@pytest.mark.parametrize(("task", "settings"), SETTINGS, ids=lambda each: each if isinstance(each, str) else each[0])
def test_a_run_whose_time_is_over_ends_alike(task: str, settings: tuple[str, ...], tmp_path: Path, monkeypatch) -> None:
    if any("FILES" in each for each in settings):
        write_user_files(tmp_path / "files")
    words = [*(each.replace("FILES", str(tmp_path / "files")) for each in settings), *QUIET]
    start(tmp_path / "alone", words)
    clock = itertools.count()  # a second passes at every look at it
    with monkeypatch.context() as patch:
        patch.setattr(run_limits, "time", SimpleNamespace(monotonic=lambda: float(next(clock))))
        limited = [*words, "trainer.max_time=3s"]
        assert start(tmp_path / "parts", limited)["state"] == "interrupted"
        start(tmp_path / "parts", limited, resumed=True)  # with accumulated gradients this is the end
    assert start(tmp_path / "parts", words, resumed=True)["state"] == "completed"
    assert compare(tmp_path / "alone", tmp_path / "parts") == []
