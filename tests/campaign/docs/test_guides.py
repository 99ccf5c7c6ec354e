"""Every guide of ``docs/`` runs from top to bottom."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented_commands import GUIDES
from support.guides import run_guide


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_runs_from_top_to_bottom(train, name: str, tmp_path: Path, monkeypatch, capsys) -> None:
    run_guide(name, train, tmp_path, monkeypatch, capsys)
