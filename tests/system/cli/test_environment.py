"""What the machine does to the processes of a run: one message, its code, and a run that can go on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


FULL = """
import resource, sys
from netyard.cli import main as cli
from netyard.training import fit as run

used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2_000_000_000, resource.RLIM_INFINITY))
sys.argv = ["train.py", *sys.argv[1:]]
sys.exit(cli.train())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux what it uses")
def test_a_limit_of_memory_is_one_message(processes, tmp_path: Path) -> None:
    done = processes.run(
        "-c", FULL, *RUN, "model.hidden_sizes=[40000,40000]", "hydra.run.dir=run", cwd=tmp_path, warm=True
    )
    assert done.returncode == 5, done.stderr
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert "there is not enough memory" in done.stderr and "GB of this process" in done.stderr
    assert not (tmp_path / "run").exists()
