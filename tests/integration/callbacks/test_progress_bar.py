"""The progress of a run: a line per epoch in the log, and a bar on a terminal."""

from __future__ import annotations

import re

import pytest

from netyard.run_directories.directory import RunDir

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none", "trainer.max_epochs=3")
LINE = re.compile(r"^epoch +(\d+)  step +(\d+)  +[\d,]+ samples/s  train/loss \S+  train/accuracy \S+(.*)$", re.M)


def test_without_a_terminal_every_epoch_is_a_line_here_and_in_the_log(train):
    ran = train(*RUN)
    assert ran.code == 0, ran.err
    found = LINE.findall(ran.out)
    assert [epoch for epoch, _, _ in found] == ["0", "1", "2"]
    assert all("val/loss" in rest and "val/accuracy" in rest for _, _, rest in found)
    assert (ran.path / "train.log").read_text().count("samples/s") == 3
    assert "\x1b" not in ran.out


def test_a_line_repeats_no_validation_of_an_earlier_epoch(train):
    ran = train(*RUN, "trainer.check_val_every_n_epoch=2")
    assert ["val/loss" in rest for _, _, rest in LINE.findall(ran.out)] == [False, True, False]


@pytest.mark.parametrize("budget", ["trainer.max_epochs=3", "trainer.max_steps=7"])
def test_on_a_terminal_there_is_a_bar_and_the_lines_stay(train, monkeypatch: pytest.MonkeyPatch, budget: str):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    ran = train(*RUN, budget)
    assert ran.code == 0, ran.err
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", ran.out)
    assert "\x1b[?25l" in ran.out and ran.out.rindex("\x1b[?25h") > ran.out.rindex("\x1b[?25l")  # the cursor is back
    steps = RunDir(ran.path).results()["steps"]
    assert f"/{steps} steps" in plain
    epochs = 2 if "steps" in budget else 3
    assert len(re.findall(r"epoch +\d+  step +\d+ ", plain)) == epochs
    assert (ran.path / "train.log").read_text().count("samples/s") == epochs


def test_the_bar_counts_the_batches_of_accumulated_gradients(train, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "200")
    ran = train(*RUN, "trainer.max_steps=2", "trainer.accumulate_grad_batches=2")
    assert ran.code == 0, ran.err
    assert "/4 steps" in re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", ran.out)


def test_a_failure_on_a_terminal_gives_the_cursor_back(train, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    ran = train(*RUN, "optimizer=sgd", "optimizer.lr=1e30")
    assert ran.code == 6
    assert ran.out.rindex("\x1b[?25h") > ran.out.rindex("\x1b[?25l")
