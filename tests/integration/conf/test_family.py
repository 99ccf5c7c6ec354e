"""Runs in which every family, and every option that needs no download, trains, validates and tests once.

What is only chosen by name rides on a run that is needed anyway; the campaign runs every name alone and at full size.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from netyard.config import catalog
from support.user_files import write_opinions

BATCH = (
    "debug=smoke", "logger=none", "data.batch_size=4", "data.eval_batch_size=4", "trainer.limit_train_batches=1",
    "trainer.limit_val_batches=1", "trainer.limit_test_batches=1", "callbacks.figures=null",
)  # fmt: skip
TEXT = "data=python_source data.max_characters=20000 data.sequence_length=32"
ONE_EPISODE = "data.val_episodes=1 data.test_episodes=1"
DRAWN = "data.eval_batch_size=64 callbacks.scores.num_val_samples=64 callbacks.scores.num_test_samples=64"

RUNS = [
    # The smallest sibling of each family, ZooNets first.
    "model=alexnet optimizer=sgd scheduler=constant augmentation=none",
    "model=densenet_tiny optimizer=nesterov scheduler=multistep augmentation=randaugment loss=focal",
    "model=efficientnet_tiny optimizer=rmsprop scheduler=polynomial augmentation=strong loss=hinge",
    "model=googlenet optimizer=adagrad scheduler=step augmentation=standard loss=label_smoothing",
    "model=mobilenet_tiny optimizer=nadam scheduler=cosine augmentation=mixup",
    "model=resnet_tiny optimizer=adamw scheduler=warmup_cosine augmentation=cutmix trainer.precision=bf16-mixed",
    "model=timm_tiny optimizer=adadelta data=fake data.channels=3 data.image_size=32 data.size=96",
    "model=vgg11 optimizer=sgd augmentation=auto",
    "model=cnn_tiny optimizer=momentum scheduler=one_cycle loss=cross_entropy",
    "model=lenet5 optimizer=lbfgs data=fake data.channels=1 data.image_size=28 data.size=96",
    "model=mlp_tiny optimizer=muon scheduler=plateau data=iris",
    "model=autoencoder_tiny optimizer=adamax scheduler=exponential trainer.precision=bf16-true",
    "model=vae_tiny optimizer=adam loss=gaussian trainer.precision=bf16-mixed " + DRAWN,
    "model=vq_vae_tiny callbacks.scores=null task.monitor=val/loss task.mode=min",
    "model=gan_tiny optimizer=adam_gan loss=minimax " + DRAWN,
    "model=dcgan_tiny loss=non_saturating " + DRAWN,
    "model=dqn optimizer=radam loss=huber " + ONE_EPISODE,
    "model=seq2seq_tiny optimizer=adafactor data.size=300",
    # Each reader of sequences, and each kind of them.
    f"model=rnn_tiny {TEXT}",
    "model=gru_tiny data=sunspots loss=mae",
    "model=lstm_tiny data=sentiment data.path=opinions.csv",
    "model=transformer_tiny data=digits_rows",
    "model=mlp_tiny data=sunspots",
    # The losses and data that no family has chosen above.
    "model=mlp_table data=breast_cancer loss=bce",
    "model=mlp_table data=wine loss=asymmetric",
    "model=mlp_table data=diabetes loss=mse",
    "model=vae_tiny loss=bernoulli " + DRAWN,
    "model=vae_tiny loss=discretized_logistic " + DRAWN,
    "model=gan_tiny loss=least_squares " + DRAWN,
    "model=gan_tiny loss=wasserstein " + DRAWN,
    "model=gan_tiny loss=adversarial_hinge " + DRAWN,
    "model=c51 loss=categorical_return data=acrobot " + ONE_EPISODE,
    "model=qr_dqn loss=quantile_return data=mountain_car " + ONE_EPISODE,
]


@pytest.mark.parametrize("words", RUNS, ids=lambda words: words.removesuffix(DRAWN).removesuffix(ONE_EPISODE).strip())
def test_it_trains_and_is_tested(train, tmp_path: Path, words: str) -> None:
    if "opinions.csv" in words:
        write_opinions(tmp_path / "opinions.csv")
    ran = train(*BATCH, *words.split())
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    assert results["model"] == words.split()[0].removeprefix("model=")
    assert results["objective"]["name"] in results["metrics"]
    assert results["steps"] > 0 and {name.partition("/")[0] for name in results["metrics"]} >= {"val", "test"}
    assert all(math.isfinite(value) for value in results["metrics"].values())
    if DRAWN in words:
        assert "test/frechet_distance" in results["metrics"]


@pytest.mark.parametrize("group", ["optimizer", "scheduler", "augmentation", "loss"])
def test_the_runs_have_every_option(group: str) -> None:
    chosen = {word.removeprefix(f"{group}=") for run in RUNS for word in run.split() if word.startswith(f"{group}=")}
    assert chosen == set(catalog.options(group))


def test_the_runs_have_every_family() -> None:
    models = {run.split()[0].removeprefix("model=") for run in RUNS}
    assert {catalog.family_of(name) for name in models} == set(catalog.families())
