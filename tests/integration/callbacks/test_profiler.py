"""`debug=profile`: its table adds up to the run."""

from __future__ import annotations

import pytest


def test_a_profile_adds_up_to_the_run(train) -> None:
    ran = train("debug=profile", "model=mlp_tiny", "logger=none")
    assert ran.code == 0, ran.err
    lines = (ran.path / "profile.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][2:]
    assert sum(float(row[3]) for row in rows) == pytest.approx(100, abs=6), "of two hundred rounded shares"
    calls = {row[0]: int(row[1].replace(",", "")) for row in rows}
    assert calls["SingleDeviceStrategy.backward"] == 20
    assert "action (self time)" in ran.out
