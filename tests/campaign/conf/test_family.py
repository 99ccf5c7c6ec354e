"""Every name that is listed trains, validates, tests and writes its results, on the data and in the time of a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from netyard import catalog

FAST = ("trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=3", "logger=none")
# On two cores a step of these takes seconds; a small sibling of each family runs always.
SMALL = {
    *(
        "perceptron",
        "mlp",
        "mlp_tiny",
        "mlp_table",
        "mlp_image",
        "cnn",
        "cnn_tiny",
        "lenet5",
        "resnet_tiny",
        "resnet18",
    ),
    *("densenet_tiny", "efficientnet_tiny", "mobilenet_tiny", "mobilenet_v3_small", "timm_tiny"),
    *(
        "rnn_tiny",
        "lstm_tiny",
        "gru_tiny",
        "rnn",
        "lstm",
        "gru",
        "bilstm_attention",
        "transformer_tiny",
        "seq2seq_tiny",
    ),
    *("autoencoder_tiny", "denoising_autoencoder", "sparse_autoencoder", "contractive_autoencoder", "conv_autoencoder"),
    *("dqn", "prioritized_dqn", "c51", "rainbow"),
    *("vae_tiny", "beta_vae", "conditional_vae", "vq_vae_tiny", "gan_tiny", "dcgan_tiny", "wgan", "wgan_gp", "acgan"),
}
TEXT = ("model=gru_tiny", "data=python_source", "data.max_characters=20000", "data.batch_size=4", "threads=1")
MODELS = catalog.options("model")


@pytest.mark.parametrize("name", MODELS)
def test_every_model_runs(train, name: str) -> None:
    # Two samples a batch: the largest networks take long for each, and batch norm needs two.
    size = (
        "data.batch_size=2",
        "trainer.limit_train_batches=1",
        "trainer.limit_val_batches=1",
        "trainer.limit_test_batches=1",
    )
    ran = train(f"model={name}", *FAST[:2], "logger=none", *size, "data.eval_batch_size=2")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["model"] == name


def test_the_command_of_the_house(train) -> None:
    """`python train.py model=resnet50 optimizer=adam`, a fifth of it."""
    ran = train("model=resnet50", "optimizer=adam", "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["steps"] == 20


@pytest.mark.parametrize("words", [("model=mlp_tiny",), TEXT], ids=["digits", "text"])
def test_two_processes_train_as_one(command, tmp_path: Path, words: tuple[str, ...]) -> None:
    words = (*words, "trainer.max_epochs=2", "logger=none")
    one = command("train.py", *words, f"hydra.run.dir={tmp_path / 'one'}", path=tmp_path / "one")
    two = command("train.py", *words, "trainer=ddp_cpu", f"hydra.run.dir={tmp_path / 'two'}", path=tmp_path / "two")
    assert (one.code, two.code) == (0, 0), two.err
    assert "leaked" not in one.err + two.err, "libraries say so of what is left of them in the end"
    scores = [ran.json("results.json") for ran in (one, two)]
    assert scores[0]["steps"] == scores[1]["steps"]
    for name, value in scores[0]["metrics"].items():
        assert scores[1]["metrics"][name] == pytest.approx(value, abs=1e-4, rel=1e-4), name
    assert two.out.count("epoch   0") == 1, "one process speaks"
