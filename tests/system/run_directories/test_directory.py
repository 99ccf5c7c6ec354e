"""A run's directory among processes: one for each of many, none where nothing can be written, no drafts of the dead."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from socket import gethostname
from subprocess import PIPE, Popen

from netyard.io.atomic import write_atomically
from support.waiting import wait_until

PROBED = """
import sys
from netyard.cli import main as cli

sys.argv = ["train.py"]
codes = []
for words in sys.stdin.read().split("\\n"):
    try:
        codes.append(cli.train(["model=mlp_tiny", *words.split()]))
    except SystemExit as end:
        codes.append(end.code)
assert not {"torch", "lightning"} & {*sys.modules}, "the data were as good as loaded"
print(codes)
"""


def test_a_place_that_takes_no_files_is_found_before_anything_is_loaded(tmp_path: Path) -> None:
    """A read-only file system, a file in the way, a name that is too long."""
    (tmp_path / "file").touch()
    places = ["/sys/netyard", f"{tmp_path}/file/run", f"{tmp_path}/{'a' * 300}"]
    commands = [f"hydra.run.dir={place}" for place in places]
    for variable in ("NETYARD_OUTPUTS", ""):
        environment = {**os.environ, "NETYARD_OUTPUTS": places[0]} if variable else {**os.environ}
        words = ["seed=1"] if variable else commands
        done = subprocess.run(
            [sys.executable, "-c", PROBED],
            input="\n".join(words),
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            check=False,
        )
        assert done.stdout.strip() == str([5] * len(words)), done.stderr
        assert done.stderr.count("error: ") == len(words) and "Traceback" not in done.stderr


CLAIM = (
    "import sys; from netyard.io.claim import create_unused; sys.stdin.readline(); print(create_unused(sys.argv[1]))"
)


def test_processes_that_start_in_one_instant_get_directories_of_their_own(tmp_path: Path):
    path = tmp_path / "outputs" / "12-00-00-mlp-digits"
    started = [Popen([sys.executable, "-c", CLAIM, str(path)], stdin=PIPE, stdout=PIPE, text=True) for _ in range(6)]
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    wait_until(lambda: all(process.poll() is not None for process in started), "the end of six processes")
    answers = [process.communicate()[0].strip() for process in started]
    assert sorted(answers) == sorted([str(path), *(f"{path}-{number}" for number in range(2, 7))])
    assert all(Path(each).is_dir() for each in answers)


def test_a_draft_goes_whose_process_of_this_machine_is_gone(tmp_path: Path):
    with Popen([sys.executable, "-c", ""]) as gone:
        pass
    here = gethostname()
    names = [f".status.json.{here}.{pid}.tmp" for pid in (gone.pid, os.getppid(), "x")]
    names += [f".status.{here}.{gone.pid}.tmp", f".status.json.elsewhere.{gone.pid}.tmp"]
    for name in names:
        (tmp_path / name).write_text("half")
    write_atomically(tmp_path / "status.json", "{}")
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(["status.json", *names[1:]])
