"""What is installed is seen without importing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard.io.packages import is_installed


def test_a_folder_without_code_is_no_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "left_behind" / "data").mkdir(parents=True)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "__init__.py").write_text("raise RuntimeError('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    found = {name: is_installed(name) for name in ("there", "left_behind", "nowhere", "nowhere.inner", "json")}
    assert found == {"there": True, "left_behind": False, "nowhere": False, "nowhere.inner": False, "json": True}
