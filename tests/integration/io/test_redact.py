"""Secrets that a run, or a sweep in this process, is given in every way are in nothing that it leaves or says."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.canaries import ALLOW, RUN, check_study, check_sweep, given, leaks


def test_no_byte_of_a_run_holds_a_secret(tally, train, canaries: dict[str, str], tmp_path: Path) -> None:
    ran = train(*RUN, *given(canaries), f"hydra.run.dir={tmp_path / 'run'}", path=tmp_path / "run")
    assert ran.code == 0, ran.err
    assert "info *** of the shell: *** https://me:***@host/x?api_key=*** password=***" in ran.out
    assert list((tmp_path / "run").rglob("events.out*"))
    found = leaks(canaries, tmp_path / "run", ran.out, ran.err)
    assert not found
    tally("given secrets to keep, in a run", len(canaries), len(canaries) - len(found))

    # It goes on once what was typed is typed again; the variables are asked for anew.
    again = (f"resume={tmp_path / 'run'}", ALLOW, "trainer.max_epochs=2")
    ran = train(*again)
    assert ran.code == 2 and "callbacks.leaky.password is a secret" in ran.err
    typed = [word.lstrip("+") for word in given(canaries) if ".password=" in word or ".url=" in word]
    ran = train(*again, *typed)
    assert ran.code == 0, ran.err
    assert not leaks(canaries, tmp_path / "run", ran.out, ran.err)


@pytest.mark.parametrize("more", [(), ("debug=smoke",)])
def test_no_message_of_an_error_holds_a_secret(train, canaries: dict[str, str], tmp_path: Path, more) -> None:
    ran = train(*RUN, *more, *given(canaries, fails="true"), f"hydra.run.dir={tmp_path / 'run'}")
    assert ran.code == 2 and "Traceback" in ran.err, "a failure of the user's own class, shown whole"
    assert "no answer to *** of the shell: *** https://me:***@host" in ran.err
    assert not leaks(canaries, tmp_path / "run", ran.out, ran.err)
    assert "RuntimeError: no answer to ***" in (tmp_path / "run" / "train.log").read_text()
    assert "no answer to ***" in ran.json("status.json")["error"]


def test_no_byte_of_a_sweep_holds_a_secret(tally, train, canaries: dict[str, str], tmp_path: Path) -> None:
    given = check_sweep(train, canaries, tmp_path / "sweep", "basic")
    tally("given secrets to keep, in a sweep with `launcher=basic`", given, given)


def test_the_jobs_of_a_study_reach_a_storage_with_a_password(train, canaries: dict[str, str], tmp_path: Path) -> None:
    check_study(train, canaries, tmp_path, "basic")
