"""Each guide of ``docs/`` runs from top to bottom; two that repeat the commands of others do so in the campaign."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.documented_commands import GUIDES
from support.guides import run_guide

pytestmark = pytest.mark.long


@pytest.mark.parametrize("name", [name for name in GUIDES if name not in ("honest_score", "several_labels")])
def test_a_guide_runs_from_top_to_bottom(train, name: str, tmp_path: Path, monkeypatch, capsys) -> None:
    run_guide(name, train, tmp_path, monkeypatch, capsys)
