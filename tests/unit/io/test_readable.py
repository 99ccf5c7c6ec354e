"""Paths as they are shown to a user."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.io.readable import short_path, typed_in


def test_paths_are_shown_for_the_folder_in_which_they_are_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path)
    assert short_path(tmp_path / "run") == short_path(Path("run")) == "run"
    with typed_in(tmp_path):
        monkeypatch.chdir(tmp_path / "run")  # as hydra.job.chdir does
        assert short_path(tmp_path / "run") == "run"
        assert short_path(Path("checkpoints")) == "run/checkpoints"
        assert short_path(Path("/elsewhere")) == "/elsewhere"
    assert short_path(tmp_path / "run" / "checkpoints") == "checkpoints"
