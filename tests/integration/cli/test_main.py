"""The command line: what it says to a mistake, to Ctrl-C, and to Hydra's own word for a sweep."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def places(tmp_path: Path) -> dict[str, Path]:
    """Things of the user's that are not as they should be."""
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "nowhere.yaml").write_text("_target_: nowhere.Net\n", encoding="utf-8")
    files = {
        "table.csv": "size,price\n1,2\n2,4\n",
        "gaps.csv": "year,count\n" + "".join(f"{year},{year % 7 or 'NaN'}\n" for year in range(1900, 1999)),
        "empty.txt": "",
        "letter.txt": "a",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    for folder in ("folder", "broken"):
        for label in ("cat", "dog"):
            (tmp_path / folder / label).mkdir(parents=True)
            for number in range(10):
                Image.new("RGB", (16, 16), (25 * number, 0, 0)).save(tmp_path / folder / label / f"{number}.png")
    (tmp_path / "folder" / "empty_class").mkdir()
    for number in range(10):
        (tmp_path / "broken" / "dog" / f"{number}.png").unlink()
        (tmp_path / "broken" / "dog" / f"{number}_broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    names = ("conf", "folder", "broken", *files)
    return {name.partition(".")[0].upper(): tmp_path / name for name in names}


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (["optimzer=adam"], 2, ["'optimzer'", "did you mean 'optimizer'", "try optimizer=adam"]),
        (["optimizer=adan"], 2, ["optimizer=adan", "did you mean 'adam'", "try optimizer=adam"]),
        (["model=mlpp"], 2, ["model=mlpp", "did you mean 'mlp'", "try model=mlp."]),
        (["model=resnet51"], 2, ["did you mean 'resnet50' or", "try model="]),
        (
            ["trainer.max_epoch=3"],
            2,
            ["'trainer.max_epoch'", "did you mean 'trainer.max_epochs'", "try trainer.max_epochs=3"],
        ),
        (["lr=0.1"], 2, ["'lr'", "'optimizer.lr'", "try optimizer.lr=0.1"]),
        (["optimizer.lr=0.1,0.2"], 2, ["several values", "-m optimizer.lr=0.1,0.2"]),
        (["optimizer.lr=-1"], 2, ["optimizer.lr is -1", "above 0", "try optimizer.lr=0.001"]),
        (["optimizer.lr=nan"], 2, ["optimizer.lr is nan", "above 0"]),
        (["optimizer.lr="], 2, ["optimizer.lr is ''", "a number"]),
        (["data.batch_size=0"], 2, ["data.batch_size is 0", "at least 1", "try data.batch_size=64"]),
        (["data.batch_size=2.5"], 2, ["data.batch_size is 2.5", "whole number"]),
        (["model.dropout=1.5"], 2, ["model.dropout is 1.5", "below 1"]),
        (["model.hidden_sizes=[64,0]"], 2, ["model.hidden_sizes is 0", "at least 1"]),
        (["trainer.max_epochs=abc"], 2, ["trainer.max_epochs is 'abc'", "whole number"]),
        (["trainer.max_epochs=0"], 2, ["trainer.max_epochs is 0"]),
        (["seed=-1"], 2, ["seed is -1"]),
        (["+trainer.max_epoch=4"], 2, ["max_epoch", "parameters of its _target_"]),
        (["+colour=red"], 2, ["there is no key 'colour'"]),
        (["~data.batch_sizes"], 2, ["'data.batch_sizes'", "did you mean 'data.batch_size'"]),
        (["model.hidden_sizes=[1,"], 2, ["cannot be read as an override", "quotes"]),
        (["model.activation=rellu"], 2, ["rellu", "relu", "model.activation="]),
        (
            ["model=resnet18", "data=iris"],
            2,
            ["model=resnet18 does not fit data=iris", "no channels", "digits", "try model=perceptron or data=digits"],
        ),
        (["task=regression"], 2, ["does not fit data=digits", "no num_targets", "try data=diabetes"]),
        (["loss=mse"], 2, ["MSELoss does not take class labels", "try loss=cross_entropy"]),
        (["data=diabetes", "loss=cross_entropy"], 2, ["CrossEntropyLoss", "try loss=mse"]),
        (["optimizer.betas=[0.9,1.5]"], 2, ["optimizer.betas is 1.5", "below 1", "try optimizer.betas=[0.9,0.999]"]),
        (["model=timm", "model.architecture=resnt50"], 2, ["resnt50", "resnet50"]),
        (["data=csv"], 2, ["data=csv needs data.path and data.target"]),
        (["data=iris", "augmentation=standard"], 2, ["augmentation", "images"]),
        (["callbacks.checkpoint=null"], 2, ["callbacks has no checkpoint"]),
        (["task.monitor=val/f1", "debug=smoke"], 2, ["task.monitor is val/f1", "val/accuracy"]),
        (["model=nowhere", "--config-dir=CONF"], 2, ["nowhere", "_target_"]),
        (["data=csv", "data.path=missing.csv", "data.target=y"], 3, ["missing.csv", "data.path"]),
        (["data=image_folder", "data.root=nowhere"], 3, ["nowhere", "data.root"]),
        (["loss=hinge", "augmentation=mixup"], 2, ["soft targets", "try loss=cross_entropy"]),
        (["data=csv", "data.path=TABLE", "data.target=pric"], 3, ["no column 'pric'", "try data.target=price"]),
        (["data=image_folder", "data.root=FOLDER", "data.num_workers=0"], 3, ["empty_class"]),
        (["data=image_folder", "data.root=BROKEN", "data.num_workers=0", "model=cnn_tiny"], 3, ["broken.png"]),
        (["data=text"], 2, ["data=text needs data.path", "type data.path="]),
        (["data=python_source"], 2, ["model=mlp does not fit data=python_source", "no input_shape", "try model=rnn"]),
        (["model=lstm", "data=iris"], 2, ["model=lstm does not fit data=iris", "try model=perceptron or data=digits_"]),
        (["model=lstm", "data=number_words"], 2, ["Recurrent has no encode", "try model=seq2seq"]),
        (["model=bilstm", "data=python_source"], 2, ["bidirectional is true", "try model.bidirectional=false"]),
        (
            ["model=lstm", "model.cell=lstn"],
            2,
            ["cell is 'lstn'", "rnn_tanh, rnn_relu, lstm, gru", "try model.cell=lstm"],
        ),
        (["model=lstm", "data=text", "data.path=EMPTY"], 3, ["empty.txt contains 0 character", "add more text"]),
        (["model=lstm", "data=text", "data.path=LETTER"], 3, ["letter.txt contains 1 character", "add more text"]),
        (["model=lstm", "data=text", "data.path=nowhere.txt"], 3, ["nowhere.txt", "data.path"]),
        (["model=gru", "data=series", "data.path=GAPS", "data.column=count"], 3, ["column 'count'", "'NaN'", "finite"]),
        (
            ["model=gru", "data=series", "data.path=GAPS", "data.column=coutn"],
            3,
            ["no column 'coutn'", "data.column=count"],
        ),
        (
            ["model=gru", "data=series", "data.path=GAPS", "data.column=year", "data.window=90"],
            3,
            ["99 steps", "try data."],
        ),
        (["model=gru", "data=sunspots", "data.window=400"], 3, ["309 steps", "try data.window="]),
        (
            ["model=lstm", "data=sentiment", "data.path=TABLE"],
            3,
            ["no column 'text'", "size, price", "data.text_column="],
        ),
        (["data=cifar10"], 3, ["CIFAR10 is not in", "type:", "data.root=FOLDER"]),
        (["trainer=gpu"], 5, ["no CUDA device", "try trainer=cpu"]),
        (["resume=nowhere"], 4, ["nowhere is not a run directory", "outputs/"]),
        (["model.pretrained=nowhere.pt", "model=resnet18"], 2, ["nowhere.pt"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_mistake_is_answered_in_three_parts(train, tmp_path, monkeypatch, places, overrides, code, words) -> None:
    monkeypatch.setenv("NETYARD_DATA", str(tmp_path / "data"))
    ran = train(
        *(re.sub("[A-Z]{4,}$", lambda found: str(places[found[0]]), text) for text in overrides),
        f"hydra.run.dir={tmp_path / 'run'}",
    )
    assert ran.code == code, ran.err
    assert "Traceback" not in ran.err or any(text.startswith("debug=") for text in overrides)
    message = ran.err.strip().splitlines()[-1]
    assert message.startswith("error: ")
    for word in words:
        assert word in message
    if code in (2, 3, 4, 5) and "debug=smoke" not in overrides:
        assert not (tmp_path / "run").exists(), "a mistake leaves nothing behind"


@pytest.mark.parametrize("event", [KeyboardInterrupt, SystemExit(1)], ids=repr)
def test_ctrl_c_outside_of_training_is_an_interruption(train, monkeypatch, event) -> None:
    from lightning import Trainer

    def interrupted(*_: object, **__: object) -> None:
        raise event

    monkeypatch.setattr(Trainer, "test", interrupted)
    ran = train("model=mlp_tiny", "trainer.max_epochs=1")
    assert ran.code == 130
    assert ran.json("status.json")["state"] == "interrupted"
    monkeypatch.undo()
    assert train(f"resume={ran.path}").code == 0, "only the test is left to do"
    assert ran.json("results.json")["epochs"] == 1


def test_hydras_own_word_for_a_sweep_is_understood(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    words = ("hydra.mode=MULTIRUN", "model=mlp_tiny", "debug=smoke", "launcher=basic", "seed=1,2")
    assert train(*words, f"hydra.sweep.dir={folder}").code == 0
    assert (folder / "1" / "results.json").exists()
