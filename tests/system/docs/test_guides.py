"""Each guide of ``docs/`` runs from top to bottom; of the longest a third of the runs, and all in the campaign.

Two that repeat the commands of others run in the campaign alone.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from support.documented_commands import GUIDES
from support.guides import run_guide

pytestmark = pytest.mark.long

LONGEST = ("first_run", "own_data", "series")


@pytest.mark.parametrize("name", [name for name in GUIDES if name not in ("honest_score", "several_labels")])
def test_a_guide_runs_from_top_to_bottom(
    train, name: str, tmp_path: Path, monkeypatch, capsys, rng: random.Random
) -> None:
    run_guide(name, train, tmp_path, monkeypatch, capsys, rng if name in LONGEST else None)
