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

from netyard import catalog, cli, manual


@pytest.fixture
def query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETYARD_OUTPUTS", "outputs")
    monkeypatch.setattr(sys, "argv", ["netyard"])

    def run(line: str) -> list[str]:
        assert cli.main(["completion", "query", line]) == 0
        return capsys.readouterr().out.split()

    return run


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("netyard ev", ["evaluate"]),
        ("/somewhere/bin/netyard rep", ["report"]),
        ("netyard train model=vgg1", [f"model={name}" for name in catalog.options("model", "vgg1*")]),
        ("python train.py model=vgg11,res", [f"model=vgg11,{name}" for name in catalog.options("model", "res*")]),
        ("python3 train.py -m trainer.max_ep", ["trainer.max_epochs="]),
        ("python train.py model=lenet5 model.pret", []),
        ("python train.py model=resnet18 model.pret", ["model.pretrained="]),
        ("netyard evaluate run=x task.importance_s", []),
        ("netyard evaluate out", ["output="]),
        ("netyard predict in", ["input="]),
        ("netyard list optimizers", ["optimizers"]),
        ("netyard list models vgg19", ["vgg19", "vgg19_bn"]),
        ("netyard runs state=failed,st", ["state=failed,stale"]),
        ("netyard runs jobs=", ["jobs=false", "jobs=true"]),
        ("netyard export quantize=s", ["quantize=static"]),
        ("netyard report format=", ["format=csv", "format=md"]),
        ("python other.py mod", []),
        ("ls ", []),
    ],
)
def test_a_line_is_completed(query, line: str, found: list[str]) -> None:
    assert query(line) == sorted(found)


def test_every_command_is_offered(query, capsys) -> None:
    offered = query("netyard ")
    assert cli.main([]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    assert offered == listed


def test_runs_are_offered_newest_first(query, tmp_path: Path) -> None:
    for name, age in (("old", 100), ("new", 1)):
        path = tmp_path / "outputs" / "2026-11-24" / name / "status.json"
        path.parent.mkdir(parents=True)
        path.write_text("{}")
        os.utime(path, (time.time() - age, time.time() - age))
    day = "outputs/2026-11-24"
    assert sorted(query("netyard evaluate run=")) == [f"run={day}/new", f"run={day}/old"]
    assert query(f"python train.py resume={day}/o") == [f"resume={day}/old"]
    assert query("netyard rerun outputs/2026-11-24/n") == [f"{day}/new"]


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
            said, ends = "", time.monotonic() + 60
            while found not in said and time.monotonic() < ends:
                if select.select([terminal], [], [], 1)[0]:
                    said += os.read(terminal, 65536).decode(errors="replace")
            assert found in said
    finally:
        os.close(terminal)
        os.waitpid(process, 0)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_asks_this_python(capsys, shell: str) -> None:
    assert cli.main(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert f"{sys.executable} -m netyard completion query" in said and "PROGRAM" not in said


def test_another_shell_is_answered_in_three_parts(capsys) -> None:
    assert cli.main(["completion", "bsh"]) == 2
    said = capsys.readouterr().err
    assert "no completion for 'bsh'; did you mean 'bash'? type eval" in said
