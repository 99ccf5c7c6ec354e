"""A disk that is full by a limit of the system: one message, and nothing saved is lost."""

from __future__ import annotations

from pathlib import Path

IRIS = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")
LIMITED = """
import resource, signal, sys
from netyard.cli import main as cli

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
sys.dont_write_bytecode = True  # Python would leave .pyc files that are cut off, and later processes import them
resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))
sys.exit(cli.train())
"""


def test_a_limit_of_the_system_is_a_full_disk(processes, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = processes.run("-c", LIMITED, *IRIS, "model.hidden_sizes=[64]", f"hydra.run.dir={run}", warm=True)
    assert done.returncode == 5, done.stderr
    assert "File too large" in done.stderr and "there is no earlier checkpoint" in done.stderr
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert not run.exists(), "nothing was saved, and nothing is left"
