"""What the machine does to the processes of a run: one message, its code, and a run that can go on."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from netyard.run_directories import manifest
from netyard.run_directories.directory import RunDir
from netyard.training import checkpoint
from support.ranks import WITNESS, assert_every_sample_once, assert_same_scores
from support.waiting import PATIENCE, wait_until_gone

ORPHAN = """
import os, subprocess, sys, time
if sys.argv[1:]:
    from netyard.io.process import end_with_parent
    from netyard.training import distributed
    assert distributed.started_by_netyard()
    end_with_parent()
    print(os.getpid(), flush=True)
    time.sleep(600)
child = subprocess.Popen([sys.executable, __file__, "child"], env={**os.environ, "LOCAL_RANK": "1"})
child.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux ends a process with its parent")
def test_a_rank_ends_with_the_process_that_started_it(processes, tmp_path: Path) -> None:
    (tmp_path / "orphan.py").write_text(ORPHAN)
    parent = processes.start(str(tmp_path / "orphan.py"))
    child = int(parent.stdout.readline())
    parent.kill()
    wait_until_gone(child)


def test_a_signal_to_one_ends_both(two, tmp_path: Path) -> None:
    process, second = two
    os.kill(second, signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE)
    wait_until_gone(second)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert out.count("stopped; continue with: ") == 1
    assert err.count(f"interrupted by signal {int(signal.SIGTERM)}") == 1 and "Traceback" not in err
    run = RunDir(tmp_path / "run")
    assert run.status()["state"] == "interrupted"
    state = checkpoint.read(run.last)
    assert manifest.read_all(run.checkpoints)[0].step == state["global_step"]


def test_two_processes_are_one_run(command, train, tmp_path: Path, monkeypatch) -> None:
    """They leave one directory, show every sample once, and have the same scores; neither part can be halved."""
    (tmp_path / "witness.py").write_text(WITNESS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.syspath_prepend(tmp_path)
    words = ("model=mlp_tiny", "trainer.max_epochs=1", "logger=none", "data=fake", "data.size=107")
    words = (*words, "data.eval_batch_size=8", "--allow-target=witness.Witness")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()

    def noting(name: str) -> str:
        return f"+callbacks.witness={{_target_:witness.Witness,folder:{tmp_path / name}}}"

    one = train(*words, noting("one"), "trainer=cpu", f"hydra.run.dir={tmp_path / 'one' / 'run'}")
    sys.modules.pop("witness", None)
    run = tmp_path / "two" / "run"
    two = command("train.py", *words, noting("two"), "trainer=ddp_cpu", f"hydra.run.dir={run}", warm=True)
    assert (one.code, two.code) == (0, 0), one.err + two.err
    assert "leaked" not in two.err, "libraries say so of what is left of them in the end"
    assert two.out.count("epoch   0") == 1, "one process speaks"
    assert not (tmp_path / "outputs").exists()
    assert "2 x cpu" in (run / "train.log").read_text()
    assert_every_sample_once(tmp_path / "one", tmp_path / "two")
    assert_same_scores(tmp_path / "one" / "run", run)
