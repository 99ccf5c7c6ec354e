"""What the Tab key offers: what a line is completed by, and the script of each shell."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from netyard.cli import main
from netyard.config import catalog


@pytest.fixture
def query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NETYARD_OUTPUTS", "outputs")
    monkeypatch.setattr(sys, "argv", ["netyard"])

    def run(line: str) -> list[str]:
        assert main.main(["completion", "query", line]) == 0
        return capsys.readouterr().out.split()

    return run


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("netyard ev", ["evaluate"]),
        ("netyard bas", ["baseline"]),
        ("netyard baseline data=dig", [f"data={name}" for name in catalog.options("data", "dig*")]),
        ("/somewhere/bin/netyard rep", ["report"]),
        ("netyard train model=vgg1", [f"model={name}" for name in catalog.options("model", "vgg1*")]),
        ("python train.py model=vgg11,res", [f"model=vgg11,{name}" for name in catalog.options("model", "res*")]),
        ("python3 train.py -m trainer.max_ep", ["trainer.max_epochs="]),
        ("python train.py model=lenet5 model.freez", []),
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
    assert main.main([]) == 0
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


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script_that_asks_this_python(capsys, shell: str) -> None:
    assert main.main(["completion", shell]) == 0
    said = capsys.readouterr().out
    assert f"{sys.executable} -m netyard completion query" in said and "PROGRAM" not in said


def test_another_shell_is_answered_in_three_parts(capsys) -> None:
    assert main.main(["completion", "bsh"]) == 2
    said = capsys.readouterr().err
    assert "no completion for 'bsh'; did you mean 'bash'? type eval" in said
