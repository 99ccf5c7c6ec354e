"""What the Tab key offers, through bash, zsh and fish themselves."""

from __future__ import annotations

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netyard.cli.main import COMPLETION
from support.waiting import PATIENCE

PRESS = """
source ~/.bashrc
press() {
    COMP_LINE="$1" COMP_POINT=${#1} COMPREPLY=()
    "$(complete -p "${1%% *}" | sed 's/.*-F \\([^ ]*\\).*/\\1/')"
    [ ${#COMPREPLY[@]} -eq 0 ] || printf '%s\\n' "${COMPREPLY[@]}"
}
COMP_WORDBREAKS="$BREAKS"  # bash has its own when it starts
press "$LINE"
"""


@pytest.fixture
def installed(tmp_path: Path):
    """Install by the command that the help gives, in a home of its own; the environment in which it is at work."""

    def install(shell: str) -> dict[str, str]:
        if shutil.which(shell) is None:
            pytest.skip(f"no {shell}")
        (tmp_path / ".config" / "fish" / "conf.d").mkdir(parents=True)
        program = tmp_path / "netyard"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netyard "$@"\n')
        program.chmod(0o755)
        environment = {**os.environ, "HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}", "TERM": "dumb"}
        environment.update(ZDOTDIR=str(tmp_path), XDG_CONFIG_HOME=str(tmp_path / ".config"))
        (command,) = re.findall(rf"^  {shell} +(.*)$", COMPLETION.help, re.MULTILINE)
        subprocess.run(["sh", "-c", command], env=environment, check=True)
        (tmp_path / "notes.csv").touch()
        return environment

    return install


@pytest.mark.parametrize(
    ("line", "breaks", "found"),
    [
        ("python train.py model=resnet1", " =:", ["resnet101", "resnet152", "resnet18"]),
        ("python train.py model=resnet1", " ", ["model=resnet101", "model=resnet152", "model=resnet18"]),
        ("netyard train optimizer.l", " =:", ["optimizer.lr="]),
        ("netyard dis", " =:", []),
        ("python -c model=resnet1", " =:", []),
    ],
)
def test_bash_completes(installed, tmp_path: Path, line: str, breaks: str, found: list[str]) -> None:
    environment = {**installed("bash"), "LINE": line, "BREAKS": breaks}
    done = subprocess.run(
        ["bash", "-c", PRESS], env=environment, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == found, done.stderr


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("python train.py model=resnet1", ["model=resnet101", "model=resnet152", "model=resnet18"]),
        ("netyard runs state=failed,st", ["state=failed,stale"]),
        ("netyard predict input=no", ["input=notes.csv"]),
        ("python other.py model=resnet1", []),
    ],
)
def test_fish_completes(installed, tmp_path: Path, line: str, found: list[str]) -> None:
    words = ["fish", "-c", f"complete -C '{line}'"]
    done = subprocess.run(words, env=installed("fish"), cwd=tmp_path, capture_output=True, text=True, check=True)
    assert sorted(each.split("\t")[0] for each in done.stdout.splitlines()) == found, done.stderr


def test_zsh_completes(installed, tmp_path: Path) -> None:
    """On a terminal of its own: its completion lives in the line editor alone."""
    environment = installed("zsh")
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execvpe("zsh", ["zsh", "-i"], environment)
    try:
        for line, found in (
            ("python train.py model=lene", "model=lenet5"),
            ("netyard train optimizer.l", "optimizer.lr="),
            ("netyard predict input=no", "input=notes.csv"),
        ):
            os.write(terminal, f"\x15{line}\t".encode())  # after what was typed before is wiped
            said, ends = "", time.monotonic() + PATIENCE
            while found not in said and time.monotonic() < ends:
                if select.select([terminal], [], [], 1)[0]:
                    said += os.read(terminal, 65536).decode(errors="replace")
            assert found in said, f"waited {PATIENCE:.0f} s for {found} after {line}"
    finally:
        os.close(terminal)
        os.waitpid(process, 0)


def test_completion_leaves_torch_asleep(command) -> None:
    """So that a key press is answered in less than a wait."""
    call = """
import sys
from netyard.cli import main as cli
assert cli.main(["completion", "query", "python train.py model=resnet18 optimizer.l"]) == 0
assert not {"torch", "lightning", "numpy"} & set(sys.modules)
"""
    ran = command("-c", call)
    assert (ran.code, ran.out.split()) == (0, ["optimizer.lr="]), ran.err
