"""Names of runs in TensorBoard."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from netyard.cli import board, main
from support.run_directories import made_run


@pytest.fixture
def outputs(tmp_path: Path) -> Path:
    """A run, and a sweep of two jobs, of which the second has not started."""
    made_run(tmp_path / "outputs" / "day" / "run")
    sweep = tmp_path / "outputs" / "sweeps" / "day" / "time"
    made_run(sweep / "0")
    (sweep / "1").mkdir()
    for number in range(2):
        job = {"number": number, "name": f"model=mlp data.path=a/b.csv seed={number}"}
        (sweep / str(number) / "job.json").write_text(json.dumps(job))
    return tmp_path / "outputs"


def linked(links: Path) -> dict[str, Path]:
    return {str(path.relative_to(links)): path.resolve() for path in links.rglob("*") if path.is_symlink()}


def test_jobs_have_names_and_new_ones_are_added(outputs: Path, tmp_path: Path) -> None:
    links, known = tmp_path / "links", set[Path]()
    links.mkdir()
    board.add_links(outputs, links, known)
    sweep = outputs / "sweeps" / "day" / "time"
    before = {"day/run": outputs / "day" / "run", "sweeps/day/time/0 model=mlp data.path=a_b.csv seed=0": sweep / "0"}
    assert linked(links) == before
    made_run(sweep / "1", 0.5)
    board.add_links(outputs, links, known)
    assert linked(links) == before | {"sweeps/day/time/1 model=mlp data.path=a_b.csv seed=1": sweep / "1"}


def test_a_run_or_a_sweep_alone_is_shown_too(outputs: Path) -> None:
    sweep = outputs / "sweeps" / "day" / "time"
    for folder, name in {outputs / "day" / "run": "run", sweep: "0 model=mlp data.path=a_b.csv seed=0"}.items():
        with board.named(folder) as links:
            assert list(linked(links)) == [name]
        assert not links.exists() and folder.exists()


@pytest.mark.parametrize(
    ("job", "name"),
    [({}, "3"), ({"name": ""}, "3"), ({"name": "seed=1"}, "3 seed=1"), ({"name": "x" * 300}, f"3 {'x' * 117}…")],
)
def test_a_name_is_one_that_a_folder_can_have(job: dict[str, object], name: str) -> None:
    assert board.link_name("3", job) == name


def test_tensorboard_is_started_on_the_links(outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        assert len(linked(Path(command[3].removeprefix("--logdir=")))) == 2
        started.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(subprocess, "run", run)
    assert main.main(["board", str(outputs), "port=7000"]) == 3
    assert started[0][-2:] == ["--host=localhost", "--port=7000"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nowhere"], 4, "nowhere is not there"),
        (["a", "b"], 2, "2 folders were given"),
        (["prot=7000"], 2, "did you mean 'port'"),
    ],
)
def test_a_mistake_is_told(words: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["board", *words]) == code
    assert said in capsys.readouterr().err
