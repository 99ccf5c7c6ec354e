"""Runs from Python: a wrong argument is refused with a message, not ignored."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import netyard
from netyard.errors import ArgumentError


def test_filters_with_a_run_directory_are_refused(tmp_path: Path) -> None:
    (tmp_path / "run" / ".hydra").mkdir(parents=True)
    (tmp_path / "run" / ".hydra" / "overrides.yaml").write_text("[]", encoding="utf-8")
    assert netyard.load(tmp_path / "run").path == tmp_path / "run"
    with pytest.raises(ArgumentError) as refused:
        netyard.load(tmp_path / "run", model="resnet*", seed=1)
    assert "model=resnet* seed=1 is given" in refused.value.given
    assert "newest matching run below a folder" in refused.value.allowed
    assert f"try netyard.load({str(tmp_path / 'run')!r})" in refused.value.type_this


@pytest.mark.parametrize("method", ["predict", "evaluate", "generate"])
def test_a_package_that_cannot_be_imported_is_the_error_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("[]", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "lightning", None)
    with pytest.raises(netyard.NetyardError, match=r"lightning cannot be imported: .* type pip install") as refused:
        getattr(netyard.load(tmp_path), method)()
    assert refused.value.exit_code == 5
