"""`netyard report` leaves torch asleep."""

from __future__ import annotations

from pathlib import Path

from support.run_directories import made_seeds


def test_a_report_with_plots_leaves_torch_asleep(tmp_path: Path, command) -> None:
    script = "import sys; from netyard.cli.main import main; sys.exit(main(sys.argv[1:]) or 'torch' in sys.modules)"
    ran = command("-c", script, "report", str(made_seeds(tmp_path / "runs")), f"output={tmp_path / 'report'}")
    assert ran.code == 0, ran.err
    assert ran.err == ""
