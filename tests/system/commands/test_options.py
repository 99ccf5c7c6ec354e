"""What a person gives a command that it cannot use: one line of three parts, the code of its kind, and nothing left."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from netyard import cli

TESTED = {
    "evaluate": ["output=told"],
    "predict": ["output=answers.csv"],
    "generate": [],
    "export": ["format=state_dict", "output=weights.pt"],
}
"""Commands about a run's network, with what they would write."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A VAE, which every command of ``TESTED`` knows what to do with; another of its name; a perceptron; a text."""
    place = tmp_path_factory.mktemp("trained")
    text = ("model=lstm_tiny", "data=python_source", "data.max_characters=20000", "data.batch_size=4")
    chosen = {
        "vae": ["model=vae_tiny", "callbacks.scores=null"],
        "wider": ["model=vae_tiny", "callbacks.scores=null", "model.latent_size=5"],
        "perceptron": ["model=mlp_tiny"],
        "text": text,
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["train.py"])
        for name, overrides in chosen.items():
            assert cli.train([*overrides, "debug=smoke", "logger=none", f"hydra.run.dir={place / name}"]) == 0
        yield place


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Type a command in a folder of its own; its code, and the one line that it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])

    def run(*words: str) -> tuple[int, str]:
        before = sorted(tmp_path.rglob("*"))
        capsys.readouterr()
        try:
            code = cli.main(list(words))
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr().err
        assert said.startswith("error: ") and said.count("\n") == 1
        assert said.count(";") >= 2 and said.rstrip().endswith(".")
        assert sorted(tmp_path.rglob("*")) == before, "a mistake leaves nothing behind"
        return code, said

    return run


@pytest.fixture
def copied(trained: Path, tmp_path: Path):
    """A run of one's own to spoil: ``copied("vae")`` is run/ here."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(trained / name, tmp_path / "run"))

    return copy


ABOUT_ONE = (*TESTED, "rerun", "report", "train")


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
def test_a_run_that_never_finished(answer, copied, command: str) -> None:
    path = copied("vae")
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
        ("perceptron", "model is mlp_tiny in it, and vae_tiny in the run, task is classification in it"),
        ("wider", "model.latent_size is 5 in it, and 4 in the run;"),
    ],
)
def test_checkpoints_of_another_run(answer, copied, trained: Path, command: str, other: str, words: str) -> None:
    """Whole, with their manifests, in the place of its own."""
    path = copied("vae")
    shutil.rmtree(path / "checkpoints")
    shutil.copytree(trained / other / "checkpoints", path / "checkpoints")
    code, said = answer(command, "run=run", *TESTED[command])
    assert code == 4 and "is another run's: " in said and words in said


@pytest.mark.parametrize("command", TESTED)
def test_a_checkpoint_of_another_run_among_its_own(answer, copied, trained: Path, command: str) -> None:
    path = copied("vae")
    (path / "checkpoints" / "best.ckpt").unlink()
    shutil.copy(trained / "perceptron" / "checkpoints" / "best.ckpt", path / "checkpoints")
    code, said = answer(command, "run=run", *TESTED[command])
    assert code == 4 and "best.ckpt is broken" in said
