"""The scores of samples of several ranks."""

from __future__ import annotations

from pathlib import Path

from support.two_process_scores import check_two_processes


def test_two_processes_score_what_one_would(command, tmp_path: Path, capsys) -> None:
    check_two_processes(command, tmp_path, capsys, "vae_tiny")
