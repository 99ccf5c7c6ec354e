"""Secrets that are given to a sweep whose jobs are processes are in nothing that it leaves or says."""

from __future__ import annotations

from pathlib import Path

from support.canaries import check_study, check_sweep


def test_no_byte_of_a_sweep_holds_a_secret(tally, train, canaries: dict[str, str], tmp_path: Path) -> None:
    given = check_sweep(train, canaries, tmp_path / "sweep", "local")
    tally("given secrets to keep, in a sweep with `launcher=local`", given, given)


def test_the_jobs_of_a_study_reach_a_storage_with_a_password(train, canaries: dict[str, str], tmp_path: Path) -> None:
    check_study(train, canaries, tmp_path, "local")
