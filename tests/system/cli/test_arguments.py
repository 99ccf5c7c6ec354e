"""What is no run, not yet one, or mixed of two: every command refuses it in three parts, and leaves nothing."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from support.refused_commands import refusal

TESTED = {
    "evaluate": ["output=told"],
    "predict": ["output=answers.csv"],
    "generate": [],
    "export": ["format=state_dict", "output=weights.pt"],
}
"""Commands about a run's network, with what they would write."""
ABOUT_ONE = (*TESTED, "rerun", "report", "train")


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Type a command in a folder of its own; its code, and the one line that it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    return partial(refusal, capsys, tmp_path)


@pytest.mark.parametrize(
    ("command", "there"),
    [*((name, True) for name in ABOUT_ONE), *((name, False) for name in (*ABOUT_ONE, "doctor", "runs"))],
)
def test_a_directory_that_is_no_run(answer, tmp_path: Path, command: str, there: bool) -> None:
    if there:
        (tmp_path / "place").mkdir()
        (tmp_path / "place" / "notes.txt").touch()
    named = {"rerun": "place", "report": "place", "doctor": "place", "runs": "place", "train": "resume=place"}
    code, said = answer(command, named.get(command, "run=place"), *TESTED.get(command, []))
    assert code == 4 and "place" in said
    assert ("is not a run directory" if command in (*TESTED, "rerun", "train") else "there") in said


@pytest.mark.parametrize("command", TESTED)
def test_a_run_that_never_finished(answer, copied_run, tmp_path: Path, command: str) -> None:
    path = copied_run("variational", tmp_path / "run")
    shutil.rmtree(path / "checkpoints")
    status = json.loads((path / "status.json").read_text())
    (path / "status.json").write_text(json.dumps({**status, "state": "interrupted", "error": "signal 15"}))
    code, said = answer(command, "run=run", *TESTED[command])
    assert code == 4
    assert "no checkpoint at run/checkpoints/best.ckpt: the run is interrupted, by signal 15;" in said
    assert "python train.py resume=run." in said


@pytest.mark.parametrize("command", TESTED)
@pytest.mark.parametrize(
    ("other", "words"),
    [
        ("classification", "model is mlp_tiny in it, and vae_tiny in the run, task is classification in it"),
        ("wider", "model.latent_size is 5 in it, and 4 in the run;"),
    ],
)
def test_checkpoints_of_another_run(
    answer, copied_run, finished, tmp_path: Path, command: str, other: str, words: str
) -> None:
    """Whole, with their manifests, in the place of its own."""
    path = copied_run("variational", tmp_path / "run")
    shutil.rmtree(path / "checkpoints")
    shutil.copytree(finished(other) / "checkpoints", path / "checkpoints")
    code, said = answer(command, "run=run", *TESTED[command])
    assert code == 4 and "is another run's: " in said and words in said


@pytest.mark.parametrize("command", TESTED)
def test_a_checkpoint_of_another_run_among_its_own(answer, copied_run, finished, tmp_path: Path, command: str) -> None:
    path = copied_run("variational", tmp_path / "run")
    (path / "checkpoints" / "best.ckpt").unlink()
    shutil.copy(finished("classification") / "checkpoints" / "best.ckpt", path / "checkpoints")
    code, said = answer(command, "run=run", *TESTED[command])
    assert code == 4 and "best.ckpt is broken" in said
