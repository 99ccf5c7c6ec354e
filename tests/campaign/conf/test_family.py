"""Every model that is listed trains, validates, tests and writes its results; every image model takes every size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import nn

from netyard.config import catalog
from support.image_networks import NAMES, SHAPES, check_gradients, check_two_digits

Build = Callable[..., nn.Module]
# On two cores a step of these takes a second; the unit tests have their small siblings.
HEAVY = ["alexnet", "vgg11", "vgg16_bn", "inception_v3", "resnet50", "densenet121", "efficientnet_b0", "timm"]
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
    ran = train(f"model={name}", "trainer=cpu", "trainer.max_epochs=1", "logger=none", *size, "data.eval_batch_size=2")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["model"] == name


def test_the_command_of_the_house(train) -> None:
    """`python train.py model=resnet50 optimizer=adam`, a fifth of it."""
    ran = train("model=resnet50", "optimizer=adam", "trainer.max_epochs=1")
    assert ran.code == 0, ran.err
    assert ran.json("results.json")["steps"] == 20


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
@pytest.mark.parametrize("name", ["autoencoder_tiny", "denoising_autoencoder", "vae_tiny", "gan_tiny", "vq_vae_tiny"])
def test_generative_models_run_in_half_precision(train, name: str, precision: str) -> None:
    few = ("trainer.limit_train_batches=2", "callbacks.scores.num_test_samples=256")
    ran = train(f"model={name}", f"trainer.precision={precision}", "trainer.max_epochs=1", *few)
    if name == "vq_vae_tiny" and precision == "bf16-true":
        assert ran.code == 2 and "precision is bf16-true" in ran.err and "try trainer.precision=bf16-mixed" in ran.err
    else:
        assert ran.code == 0, ran.err


@pytest.mark.parametrize("name", HEAVY)
def test_two_digits_train_without_a_nan(build: Build, name: str) -> None:
    check_two_digits(build(name))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_parameter_at_every_size(build: Build, name: str, shape: tuple[int, int]) -> None:
    check_gradients(build, name, shape)
