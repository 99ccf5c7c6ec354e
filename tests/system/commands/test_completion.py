"""What the Tab key offers, through bash, zsh and fish themselves."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netyard import manual

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
        (command,) = re.findall(rf"^  {shell} +(.*)$", manual.COMPLETION, re.MULTILINE)
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


def test_completion_leaves_torch_asleep(command) -> None:
    """So that a key press is answered in less than a wait."""
    call = """
import sys
from netyard import cli
assert cli.main(["completion", "query", "python train.py model=resnet18 optimizer.l"]) == 0
assert not {"torch", "lightning", "numpy"} & set(sys.modules)
"""
    ran = command("-c", call)
    assert (ran.code, ran.out.split()) == (0, ["optimizer.lr="]), ran.err
