"""What does not go together with a run is refused: weights of another network, no picture, an impossible export."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from netyard.cli import main
from support.refused_commands import refusal


@pytest.fixture
def answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Type a command in a folder of its own; its code, and the one line that it said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["train.py"])
    return partial(refusal, capsys, tmp_path)


def test_weights_of_another_network(answer, finished, tmp_path: Path) -> None:
    weights = tmp_path / "perceptron.pt"
    assert main.main(["export", f"run={finished('classification')}", "format=state_dict", f"output={weights}"]) == 0
    code, said = answer(
        "train", "model=resnet_tiny", f"model.pretrained={weights}", f"hydra.run.dir={tmp_path / 'new'}"
    )
    assert code == 2 and "does not fit this network" in said and "try the model=" in said


def test_a_folder_without_a_picture(answer, finished, tmp_path: Path) -> None:
    (tmp_path / "photos" / "red").mkdir(parents=True)
    (tmp_path / "photos" / "blue").mkdir()
    (tmp_path / "photos" / "notes.txt").touch()
    code, said = answer("predict", f"run={finished('classification')}", "input=photos", "output=answers.csv")
    assert code == 3 and "the folder photos contains no image" in said
    code, said = answer("train", "data=image_folder", "data.root=photos", f"hydra.run.dir={tmp_path / 'new'}")
    assert code == 3 and "photos/blue" in said and "delete it" in said


def test_an_export_that_the_format_cannot_hold(answer, finished) -> None:
    """No number of steps stays free through recurrent layers in torch.export."""
    code, said = answer("export", f"run={finished('language')}", "format=pt2", "output=model.pt2")
    assert code == 2 and "cannot be written as a graph" in said and "try format=onnx." in said
