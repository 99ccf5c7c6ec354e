"""What a person gives a command that it cannot use: one line of three parts, the code of its kind, and nothing left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netyard import cli


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


def test_weights_of_another_network(answer, trained: Path, tmp_path: Path) -> None:
    weights = trained / "perceptron.pt"
    assert cli.main(["export", f"run={trained / 'perceptron'}", "format=state_dict", f"output={weights}"]) == 0
    code, said = answer(
        "train", "model=resnet_tiny", f"model.pretrained={weights}", f"hydra.run.dir={tmp_path / 'new'}"
    )
    assert code == 2 and "does not fit this network" in said and "try the model=" in said


def test_a_folder_without_a_picture(answer, trained: Path, tmp_path: Path) -> None:
    (tmp_path / "photos" / "red").mkdir(parents=True)
    (tmp_path / "photos" / "blue").mkdir()
    (tmp_path / "photos" / "notes.txt").touch()
    code, said = answer("predict", f"run={trained / 'perceptron'}", "input=photos", "output=answers.csv")
    assert code == 3 and "the folder photos holds no picture" in said
    code, said = answer("train", "data=image_folder", "data.root=photos", f"hydra.run.dir={tmp_path / 'new'}")
    assert code == 3 and "holds no picture" in said


def test_an_export_that_the_format_cannot_hold(answer, trained: Path) -> None:
    """No number of steps stays free through recurrent layers in torch.export."""
    code, said = answer("export", f"run={trained / 'text'}", "format=pt2", "output=model.pt2")
    assert code == 2 and "cannot be written as a graph" in said and "try format=onnx." in said
