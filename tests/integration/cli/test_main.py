"""The command line: what it says to a mistake, to Ctrl-C, and to Hydra's own word for a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.mistaken_commands import check_answer


@pytest.mark.parametrize(
    ("overrides", "code", "words"),
    [
        (["optimzer=adam"], 2, ["'optimzer'", "did you mean 'optimizer'", "try optimizer=adam"]),
        (["optimizer=adan"], 2, ["optimizer=adan", "did you mean 'adam'", "try optimizer=adam"]),
        (["model=resnet51"], 2, ["did you mean 'resnet50' or", "try model="]),
        (
            ["trainer.max_epoch=3"],
            2,
            ["'trainer.max_epoch'", "did you mean 'trainer.max_epochs'", "try trainer.max_epochs=3"],
        ),
        (
            ["lr=0.1"],
            2,
            ["there is no key 'lr'; did you mean optimizer.lr=0.1?", "try python train.py optimizer.lr=0.1"],
        ),
        (["optimizer.lr=0.1,0.2"], 2, ["several values", "-m optimizer.lr=0.1,0.2"]),
        (["optimizer.lr=-1"], 2, ["optimizer.lr is -1", "above 0", "try optimizer.lr=0.001"]),
        (["data.batch_size=2.5"], 2, ["data.batch_size is 2.5", "whole number"]),
        (["trainer.max_epochs=abc"], 2, ["trainer.max_epochs is 'abc'", "whole number"]),
        (["+trainer.max_epoch=4"], 2, ["no key 'trainer.max_epoch'; did you mean", "try trainer.max_epochs=4."]),
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
        (["optimizer.betas=[0.9,1.5]"], 2, ["optimizer.betas is 1.5", "below 1", "try optimizer.betas=[0.9,0.999]"]),
        (["model=timm", "model.architecture=resnt50"], 2, ["resnt50", "resnet50"]),
        (["data=csv"], 2, ["data=csv needs data.path and data.target"]),
        (["data=wine", "data.target=null"], 2, ["data has no key 'data.target'", "data=csv", "remove it"]),
        (["data=iris", "augmentation=standard"], 2, ["augmentation", "images"]),
        (["callbacks.checkpoint=null"], 2, ["callbacks has no checkpoint"]),
        (["task.monitor=val/recall", "debug=smoke"], 2, ["task.monitor is val/recall", "val/accuracy"]),
        (["model=nowhere", "--config-dir=CONF"], 2, ["nowhere", "_target_"]),
        (["data=csv", "data.path=missing.csv", "data.target=y"], 3, ["missing.csv", "data.path"]),
        (["loss=hinge", "augmentation=mixup"], 2, ["soft targets", "try loss=cross_entropy"]),
        (["data=csv", "data.path=TABLE", "data.target=pric"], 3, ["no column 'pric'", "try data.target=price"]),
        (["data=image_folder", "data.root=FOLDER", "data.num_workers=0"], 3, ["empty_class"]),
        (["data=image_folder", "data.root=BROKEN", "data.num_workers=0", "model=cnn_tiny"], 3, ["broken.png"]),
        (["data=python_source"], 2, ["model=mlp does not fit data=python_source", "no input_shape", "try model=rnn"]),
        (["data=number_words"], 2, ["model=mlp does not fit data=number_words", "try model=seq2seq or data="]),
        (["model=lstm", "data=number_words"], 2, ["Recurrent has no encode", "try model=seq2seq"]),
        (["model=bilstm", "data=python_source"], 2, ["bidirectional is true", "try model.bidirectional=false"]),
        (["model=lstm", "data=text", "data.path=EMPTY"], 3, ["empty.txt contains 0 character", "add more text"]),
        (["model=gru", "data=series", "data.path=GAPS", "data.column=count"], 3, ["column 'count'", "'NaN'", "finite"]),
        (["model=gru", "data=sunspots", "data.window=400"], 3, ["309 steps", "try data.window="]),
        (["data=cifar10"], 3, ["CIFAR10 is not in", "type:", "data.root=FOLDER"]),
        (["trainer=gpu"], 5, ["no CUDA device", "try trainer=cpu"]),
        (["resume=nowhere"], 4, ["nowhere is not a run directory", "outputs/"]),
        (["model.pretrained=nowhere.pt", "model=resnet18"], 2, ["nowhere.pt"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_a_mistake_is_answered_in_three_parts(train, tmp_path, monkeypatch, overrides, code, words) -> None:
    monkeypatch.setenv("NETYARD_DATA", str(tmp_path / "data"))
    check_answer(train, tmp_path, overrides, code, words)


@pytest.mark.parametrize("event", [KeyboardInterrupt, SystemExit(1)], ids=repr)
def test_ctrl_c_outside_of_training_is_an_interruption(train, monkeypatch, event) -> None:
    from lightning import Trainer

    def interrupted(*_: object, **__: object) -> None:
        raise event

    monkeypatch.setattr(Trainer, "test", interrupted)
    ran = train("model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=1", "logger=none")
    assert ran.code == 130
    assert ran.json("status.json")["state"] == "interrupted"
    monkeypatch.undo()
    assert train(f"resume={ran.path}").code == 0, "only the test is left to do"
    assert ran.json("results.json")["epochs"] == 1


def test_hydras_own_word_for_a_sweep_is_understood(train, tmp_path: Path) -> None:
    folder = tmp_path / "sweep"
    words = (
        "hydra.mode=MULTIRUN",
        "model=mlp_tiny",
        "data=iris",
        "debug=smoke",
        "logger=none",
        "launcher=basic",
        "seed=1,2",
    )
    assert train(*words, f"hydra.sweep.dir={folder}").code == 0
    assert (folder / "1" / "results.json").exists()
