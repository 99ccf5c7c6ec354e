"""What runs say of themselves: those that were made to fail, and those that learn."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from support.command_result import Ran

FAST = ("logger=none", "trainer=cpu", "baselines=false")
LARGE = ("model=mlp_tiny", "data=iris", "optimizer.lr=10", "trainer.max_epochs=4", *FAST)


def said(ran: Ran) -> list[dict[str, str]]:
    assert ran.code == 0, ran.err
    return ran.json("results.json").get("diagnostics", [])


def lines(ran: Ran) -> str:
    """What was printed after the table."""
    return ran.out.rpartition("results     ")[2]


def test_a_rate_that_is_too_large_is_said_everywhere_and_its_command_trains(train, tmp_path: Path) -> None:
    ran = train(*LARGE)
    (found,) = said(ran)
    assert found["check"] == "rate_too_large"
    for text in (lines(ran), (ran.path / "train.log").read_text()):
        assert f"{found['sentence']}\n  try  {found['command']}" in text
    words = shlex.split(found["command"])
    assert words[1:3] == ["train.py", "model=mlp_tiny"] and words[-1] == "optimizer.lr=1"
    assert said(train(*words[2:], "diagnostics=false", path=tmp_path / "off")) == []


def test_a_resumed_run_says_what_an_uninterrupted_one_does(train, tmp_path: Path) -> None:
    whole = said(train(*LARGE, path=tmp_path / "whole"))
    part = train(*LARGE[:3], "trainer.max_epochs=2", *FAST, path=tmp_path / "part")
    assert said(train(f"resume={part.path}", "trainer.max_epochs=4", path=part.path)) != []
    resumed = said(part)
    assert [each["sentence"] for each in resumed] == [each["sentence"] for each in whole]


def test_the_command_of_a_run_that_was_too_short_continues_it(train, tmp_path: Path) -> None:
    ran = train("model=perceptron", "data=digits", "trainer.max_epochs=4", *FAST, path=tmp_path / "short")
    (found,) = said(ran)
    assert found["check"] == "still_improving"
    words = shlex.split(found["command"])[2:]
    assert words == ["resume=short", "trainer.max_epochs=8"]
    assert train(*words, path=ran.path).code == 0 and ran.json("results.json")["epochs"] == 8


def test_a_rate_that_is_far_too_small_is_multiplied(train) -> None:
    (found,) = said(train("model=mlp_tiny", "data=iris", "optimizer.lr=1e-7", "trainer.max_epochs=3", *FAST))
    assert found["check"] == "rate_too_small" and found["command"].endswith("optimizer.lr=1e-05")


@pytest.mark.parametrize(
    "overrides",
    [
        ("data=iris", "trainer.max_epochs=6"),
        (*LARGE, "debug=smoke"),
    ],
)
def test_of_runs_that_learn_and_of_those_for_debugging_nothing_is_said(train, overrides: tuple[str, ...]) -> None:
    assert said(train(*overrides, *FAST)) == []
