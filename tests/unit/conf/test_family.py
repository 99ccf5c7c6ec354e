"""Every network that is listed: its exact number of parameters, and gradients at every size of data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor, nn

from netyard.config.catalog import parameters, variants
from netyard.models.seq2seq import Seq2Seq
from netyard.models.vae import VAE
from support.image_networks import NAMES, SHAPES, check_gradients, check_two_digits, outputs_of, require_gradients
from support.meta_kernels import on_meta

Build = Callable[..., nn.Module]
SMALL = [
    "mlp_image",
    "cnn",
    "lenet5",
    "googlenet",
    "inception_v2",
    "resnet_tiny",
    "resnet18",
    "densenet_tiny",
]
SMALL += ["efficientnet_tiny", "mobilenet_tiny", "mobilenet_v3_small", "timm_tiny"]
# A network with each kind of block and each stem.
SIBLINGS = [*SMALL, "perceptron", "alexnet", "vgg11", "vgg11_bn", "inception_v3", "resnet50"]


@pytest.mark.parametrize("name", NAMES)
def test_the_count_is_the_published_one(build: Build, name: str) -> None:
    """timm's and torchvision's as they print them; inception_v2's agrees with pretrainedmodels and pytorchcv."""
    with on_meta():
        net = build(name, 3, 224, 1000).train()
        assert sum(parameter.numel() for parameter in net.parameters()) == parameters()[name]
        outputs = outputs_of(net, torch.empty(2, 3, 224, 224))
        assert {output.shape for output in outputs} == {(2, 1000)}
        require_gradients(net, outputs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", SIBLINGS)
def test_gradient_reaches_every_parameter_at_every_size(build: Build, name: str, shape: tuple[int, int]) -> None:
    """The campaign does this with every network; each is trained at its published size above."""
    check_gradients(build, name, shape)


@pytest.mark.parametrize("name", SMALL)
def test_two_digits_train_without_a_nan(build: Build, name: str) -> None:
    check_two_digits(build(name))


# How many parameters the networks of the other families have, of the first kind of data that ``DATA`` has for them.
COUNTS = {
    "autoencoder": 103_248, "autoencoder_tiny": 4_744, "conv_autoencoder": 46_033, "denoising_autoencoder": 103_248,
    "sparse_autoencoder": 16_576, "contractive_autoencoder": 103_248,
    "dcgan": 316_610, "dcgan_tiny": 19_250, "conditional_gan": 331_970, "acgan": 326_860, "lsgan": 316_610,
    "wgan": 316_610, "wgan_gp": 316_738, "hinge_gan": 316_482, "gan": 182_081, "gan_tiny": 4_545,
    "dqn": 17_410, "double_dqn": 17_410, "dueling_dqn": 34_051, "prioritized_dqn": 17_410, "nstep_dqn": 17_410,
    "noisy_dqn": 34_820, "c51": 30_310, "qr_dqn": 30_310, "rainbow": 106_802,
    "rnn": 18_954, "rnn_relu": 18_954, "rnn_tiny": 586, "lstm": 71_946, "lstm_tiny": 1_834, "gru": 54_282,
    "gru_tiny": 1_418, "bilstm": 143_882, "bilstm_attention": 209_930, "bigru": 108_554,
    "seq2seq": 176_266, "seq2seq_lstm": 217_738, "seq2seq_tiny": 11_818,
    "transformer": 400_266, "transformer_tiny": 13_642,
    "vae": 341_600, "conv_vae": 50_145, "conditional_vae": 349_280, "vae_tiny": 4_616, "beta_vae": 341_600,
    "vq_vae": 47_889, "vq_vae_tiny": 3_785,
}  # fmt: skip


def pictures(channels: int, side: int) -> dict[str, Any]:
    return {"input_shape": [channels, side, side], "channels": channels, "image_size": side}


def steps(length: int, size: int) -> dict[str, Any]:
    return {"input_shape": [length, size], "input_size": size, "vocab_size": None, "sequence_length": length}


# module of the network -> what the kinds of data that it is tried on say of themselves
PICTURES = [pictures(*shape) for shape in SHAPES]
STEPS = [steps(8, 8), steps(28, 28), steps(64, 1)]
OBSERVATIONS = [{"input_shape": shape, "num_actions": 2} for shape in ([4], [4, 10, 10], [4, 84, 84])]
SENTENCES = [{"input_shape": [length], "vocab_size": 12} for length in (8, 40)]
DATA = {
    "recurrent": STEPS, "transformer": STEPS, "seq2seq": SENTENCES, "q_network": OBSERVATIONS,
    **dict.fromkeys(("autoencoder", "gan", "dcgan", "vae", "vq_vae"), PICTURES),
}  # fmt: skip


def made(name: str, facts: dict[str, Any]) -> nn.Module:
    """The network of a family as a run would build it, for ten classes or tokens and returns of 51 atoms."""
    node = {key: value for key, value in variants()[name].items() if key != "defaults"}
    loss = {"num_parameters": 1, "num_atoms": 51}
    config = {"data": {"num_classes": 10, **facts}, "task": {"num_outputs": 10}, "loss": loss, "model": node}
    return instantiate(OmegaConf.create(config).model, _convert_="all").train()


def answered(net: Any, shape: list[int]) -> tuple[Tensor, ...]:
    """What a network makes of two inputs, by all of its parts."""
    x, labels = torch.randn(2, *shape), torch.zeros(2, dtype=torch.long)
    if hasattr(net, "generator"):
        answers = net.discriminator(net.generator(torch.randn(2, net.latent_size), labels), labels)
        return answers if isinstance(answers, tuple) else (answers,)
    if isinstance(net, VAE):
        return (net.decode(sum(net.encode(x, labels)), labels),)
    if isinstance(net, Seq2Seq):
        return (net(*torch.ones(2, 2, *shape, dtype=torch.long)),)
    return tuple(each for each in outputs_of(net, x) if isinstance(each, Tensor))


def test_every_network_is_counted() -> None:
    assert sorted([*NAMES, *COUNTS]) == sorted(variants())


@pytest.mark.parametrize("name", COUNTS)
def test_the_networks_of_the_other_families_are_counted_and_learn_at_every_size(name: str) -> None:
    module = variants()[name]["_target_"].split(".")[2]
    # Of recurrent networks PyTorch runs the steps one by one in Python on the meta device, and at once on the CPU.
    steps_one_by_one = module in ("recurrent", "seq2seq")
    for number, facts in enumerate(DATA[module]):
        with torch.device("cpu") if steps_one_by_one else on_meta():
            net = made(name, facts)
            if number == 0:
                assert sum(parameter.numel() for parameter in net.parameters()) == COUNTS[name]
            require_gradients(net, answered(net, facts["input_shape"]))
