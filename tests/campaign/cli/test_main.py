"""Mistakes like those of the integration tests, at other keys, and ``netyard train`` over several ranks."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.mistaken_commands import check_answer


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (["model=mlpp"], 2, ["model=mlpp", "did you mean 'mlp'", "try model=mlp."]),
        (["optimizer.lr=nan"], 2, ["optimizer.lr is nan", "above 0"]),
        (["optimizer.lr="], 2, ["optimizer.lr is ''", "a number"]),
        (["data.batch_size=0"], 2, ["data.batch_size is 0", "at least 1", "try data.batch_size=64"]),
        (["model.dropout=1.5"], 2, ["model.dropout is 1.5", "below 1"]),
        (["model.hidden_sizes=[64,0]"], 2, ["model.hidden_sizes is 0", "at least 1"]),
        (["trainer.max_epochs=-5"], 2, ["trainer.max_epochs is -5"]),
        (["seed=-1"], 2, ["seed is -1"]),
        (["data=diabetes", "loss=cross_entropy"], 2, ["CrossEntropyLoss", "try loss=mse"]),
        (["data=image_folder", "data.root=nowhere"], 3, ["nowhere", "data.root"]),
        (["data=text"], 2, ["data=text needs data.path", "type data.path="]),
        (["model=lstm", "data=iris"], 2, ["model=lstm does not fit data=iris", "try model=perceptron or data=digits_"]),
        (
            ["model=lstm", "model.cell=lstn"],
            2,
            ["cell is 'lstn'", "rnn_tanh, rnn_relu, lstm, gru", "try model.cell=lstm"],
        ),
        (["model=lstm", "data=text", "data.path=LETTER"], 3, ["letter.txt contains 1 character", "add more text"]),
        (["model=lstm", "data=text", "data.path=nowhere.txt"], 3, ["nowhere.txt", "data.path"]),
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
        (
            ["model=lstm", "data=sentiment", "data.path=TABLE"],
            3,
            ["no column 'text'", "size, price", "data.text_column="],
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_mistake_is_answered_in_three_parts(train, tmp_path, monkeypatch, overrides, code, words) -> None:
    monkeypatch.setenv("NETYARD_DATA", str(tmp_path / "data"))
    check_answer(train, tmp_path, overrides, code, words)


def test_netyard_train_is_train_on_several_devices_too(command, tmp_path: Path) -> None:
    path = tmp_path / "run"
    ran = command("-m", "netyard", "train", "model=mlp_tiny", "debug=smoke", "trainer=ddp_cpu", f"hydra.run.dir={path}")
    assert ran.code == 0, ran.err
    assert "2 x cpu" in (path / "train.log").read_text()
