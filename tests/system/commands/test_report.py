"""`netyard report`: what it prints, what it writes, and what it says to a mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.run_directories import made_run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two rates on three seeds, and one run that failed."""
    monkeypatch.chdir(tmp_path)
    for number in range(6):
        lr, seed = (0.1, 0.01)[number // 3], number % 3
        tested = {"test/accuracy": number / 10, "test/auroc": number / 10, "val/loss": 0.5}
        typed = [f"optimizer.lr={lr}"]
        made_run(
            tmp_path / "runs" / str(number), 0.9 - number / 100, typed, seed=seed, metrics=tested, curve=[0.5, 0.6]
        )
    made_run(tmp_path / "runs" / "6", None, state="failed", error="the disk is full;")
    return tmp_path / "runs"


def test_a_report_with_plots_leaves_torch_asleep(runs: Path, command) -> None:
    script = (
        "import sys; from netyard import cli; code = cli.main(sys.argv[1:]); sys.exit(code or 'torch' in sys.modules)"
    )
    ran = command("-c", script, "report", str(runs), f"output={runs.parent / 'report'}")
    assert ran.code == 0, ran.err
    assert ran.err == ""
