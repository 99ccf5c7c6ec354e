"""Every name that is listed trains, validates, tests and writes its results, on the data and in the time of a test."""

from __future__ import annotations

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
