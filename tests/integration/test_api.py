"""Finished runs as objects: what they tell, predict, make and write; and mistakes, as the command line words them."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import netyard
from netyard.errors import CheckpointError, ConfigError, DataError
from netyard.inference.generate import Episode, Images


def test_a_run_tells_what_was_asked_and_what_came_of_it(finished) -> None:
    run = netyard.load(finished("classification"))
    assert run.state == "completed" and run.choices["model"] == "mlp_tiny"
    assert run.config["data"]["batch_size"] > 0 and run.metrics == run.results["metrics"]
    assert [row["epoch"] for row in run.history] == [0]
    assert run.history.column("val/loss")[0] == pytest.approx(run.metrics["val/loss"], rel=1e-4)
    assert not run.net.training and next(run.net.parameters()).device.type == "cpu"
    assert "mlp_tiny" in repr(run) and "test/accuracy" in run._repr_html_()


def test_arrays_are_predicted_in_the_units_of_the_data(finished) -> None:
    run = netyard.load(finished("classification"))
    whole = np.random.default_rng(0).integers(0, 17, (5, 1, 8, 8))  # digits are whole numbers up to 16
    wanted = run.predict(whole).column("probability")
    shapes = whole[:, 0] / 16, np.moveaxis(whole, 1, -1), (whole / 16).tolist()
    for same in (whole / 16, torch.tensor(whole / 16), *shapes):
        assert run.predict(same).column("probability") == pytest.approx(wanted, abs=1e-6)
    assert len(run.predict(whole[0, 0])) == 1, "one image"
    tested = run.predict()
    right = [row["label"] == row["prediction"] for row in tested]
    assert np.mean(right) == pytest.approx(run.metrics["test/accuracy"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.zeros((2, 1, 9, 9)), "(2, 1, 9, 9)"),
        (np.full((1, 8, 8), 2.0), "floats are from 0 to 1"),
        (np.full((1, 8, 8), np.nan), "NaN"),
        (np.zeros((0, 8, 8)), "shape (0"),
        ("no_such_folder", "no_such_folder"),
        ({"a": 1}, "dict"),
    ],
    ids=str,
)
def test_what_cannot_be_predicted_is_one_message(finished, given, said: str) -> None:
    with pytest.raises(DataError) as error:
        netyard.load(finished("classification")).predict(given)
    assert said in str(error.value) and error.value.type_this


def test_tables_texts_and_series_are_predicted_too(finished) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(finished.files / "table.csv")
    run = netyard.load(finished("kind"))
    by_frame, by_file = run.predict(frame), run.predict(finished.files / "table.csv")
    assert by_frame.column("prediction") == by_file.column("prediction")
    texts = netyard.load(finished("opinions")).predict(["fine food", "poor\nfood"])
    assert len(texts) == 2 and texts.columns[1] == "prediction"
    window = np.sin(np.arange(12.0))
    ahead = netyard.load(finished("sales")).predict(window)
    assert len(ahead) == 1 and "step_3" in ahead.columns


def test_a_network_makes_what_its_task_makes(finished) -> None:
    images = netyard.load(finished("variational")).generate(count=3, seed=1)
    assert isinstance(images, Images) and images.pictures.shape == (3, 1, 8, 8)
    assert images._repr_png_().startswith(b"\x89PNG")
    text = netyard.load(finished("language")).generate(prompt="def ", length=5)
    assert isinstance(text, str)
    (episode,) = netyard.load(finished("q_learning")).generate()
    assert isinstance(episode, Episode) and "image/gif" in episode._repr_html_()
    with pytest.raises(ConfigError, match="makes no samples"):
        netyard.load(finished("classification")).generate()


def test_a_test_and_an_export_are_those_of_the_commands(finished, tmp_path: Path) -> None:
    run = netyard.load(finished("classification"))
    assert run.evaluate(output=tmp_path / "told")["test/accuracy"] == run.metrics["test/accuracy"]
    assert (tmp_path / "told" / "evaluation.json").is_file()
    path = run.export("state_dict", output=tmp_path / "weights.pt")
    assert torch.load(path, weights_only=True)
    with pytest.raises(ConfigError, match="try format=onnx"):
        run.export("tflite")


def test_the_process_is_left_as_it_was(finished) -> None:
    def state() -> tuple:
        return Path.cwd(), sys.argv[:], logging.getLogger().handlers[:], torch.get_num_threads()

    before = state()
    run = netyard.load(finished("classification"))
    run.predict()
    run.evaluate()
    netyard.load(finished("language")).generate(prompt="def ", length=2)
    with pytest.raises(netyard.NetyardError):
        netyard.fit("optimizer.lr=-1")
    assert state() == before


def test_runs_are_found_and_filtered(finished) -> None:
    folder = finished("classification").parent
    finished("variational")
    everything = netyard.runs(folder)
    some = netyard.runs(folder, model="mlp_tin*", state="completed")
    assert 0 < len(some) < len(everything)
    assert {run.choices["model"] for run in some} == {"mlp_tiny"} == {*some.table.column("model")}
    assert netyard.load(folder, model="vae_tiny").choices["task"] == "variational"
    assert len(netyard.runs(folder, optimizer__lr=123)) == 0
    with pytest.raises(CheckpointError, match="no run with model=unknown"):
        netyard.load(folder, model="unknown")


@pytest.mark.parametrize(
    ("ask", "code", "said"),
    [
        (lambda: netyard.fit("modle=mlp"), 2, "did you mean 'model'"),
        (lambda: netyard.fit("model=mlp,cnn"), 2, "several values"),
        (lambda: netyard.fit("resume=nowhere"), 4, "nowhere"),
        (lambda: netyard.fit(["model=mlp"]), 2, "is not an override"),
        (lambda: netyard.fit("mlp"), 2, "is not an override"),
        (lambda: netyard.compose("optimizer.lr=-1"), 2, "optimizer.lr is -1"),
        (lambda: netyard.compose("model=dqn", "data=digits"), 2, "does not fit"),
        (lambda: netyard.list("modles"), 2, "did you mean 'models'"),
        (lambda: netyard.load("nowhere"), 4, "there is no run"),
        (lambda: netyard.sweep("model=mlp_tiny", "optimzer.lr=1,2"), 2, "optimizer"),
    ],
)
def test_a_mistake_is_the_message_of_the_command(ask, code: int, said: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(netyard.NetyardError) as error:
        ask()
    assert error.value.exit_code == code and said in str(error.value)
    assert error.value._render_traceback_() == [f"{type(error.value).__name__}: {error.value}"]
    assert not list(tmp_path.rglob("*.*"))


def test_a_choice_is_composed_and_listed() -> None:
    assert netyard.compose("model=resnet18", "data=cifar10").data.batch_size > 0
    assert netyard.list("models", "resnet1*") == ["resnet101", "resnet152", "resnet18"]
    assert netyard.list("optimizer") == netyard.list("optimizers")
    with pytest.raises(AttributeError):
        netyard.no_such_name  # noqa: B018
