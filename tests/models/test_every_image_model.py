"""Every MLP and image model that is listed: exact counts, shapes, gradients; a new one by being listed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.catalog import variants

Build = Callable[..., nn.Module]

# Parameters at 1000 classes and 3x224x224, auxiliary heads as published. Those of timm and torchvision
# are what the libraries print; inception_v2 agrees with pretrainedmodels and pytorchcv.
PARAMETERS = {
    "perceptron": 150_529_000,
    "mlp": 38_697_320,
    "mlp_tiny": 2_425_464,
    "mlp_table": 9_668_936,
    "mlp_image": 77_847_528,
    "cnn": 222_472,
    "cnn_tiny": 18_416,
    "lenet5": 146_156,
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
    "googlenet": 13_004_888,
    "inception_v2": 11_295_240,
    "inception_v3": 27_161_264,
    "resnet18": 11_689_512,
    "resnet34": 21_797_672,
    "resnet50": 25_557_032,
    "resnet101": 44_549_160,
    "resnet152": 60_192_808,
    "resnet_tiny": 156_216,
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
    "densenet_tiny": 61_560,
    "efficientnet_b0": 5_288_548,
    "efficientnet_b1": 7_794_184,
    "efficientnet_b2": 9_109_994,
    "efficientnet_b3": 12_233_232,
    "efficientnet_b4": 19_341_616,
    "efficientnet_b5": 30_389_784,
    "efficientnet_b6": 43_040_704,
    "efficientnet_b7": 66_347_960,
    "efficientnet_v2_s": 21_458_488,
    "efficientnet_v2_m": 54_139_356,
    "efficientnet_v2_l": 118_515_272,
    "efficientnet_tiny": 356_196,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_small": 2_542_856,
    "mobilenet_v3_large": 5_483_032,
    "mobilenet_tiny": 1_519_112,
    "timm": 5_717_416,
    "timm_tiny": 377_384,
}
MODULES = ("mlp", "cnn", "lenet", "zoo")
NAMES = [name for name, node in variants().items() if node["_target_"].split(".")[2] in MODULES]
# The smallest images always, where most is decided; the others in the full suite.
SHAPES = [(1, 8), *(pytest.param(shape, marks=pytest.mark.slow) for shape in [(1, 28), (3, 32), (3, 224)])]
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
HEAVY = ["alexnet", "vgg11", "vgg16_bn", "inception_v3", "resnet50", "densenet121", "efficientnet_b0", "timm"]


def outputs_of(net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    output = net(x)
    return output if isinstance(output, tuple) else (output,)


@pytest.mark.parametrize("name", NAMES)
def test_the_count_is_the_published_one(build: Build, name: str) -> None:
    with torch.device("meta"):
        net = build(name, 3, 224, 1000)
    assert sum(parameter.numel() for parameter in net.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_parameter_at_every_size(
    build: Build, name: str, shape: tuple[int, int]
) -> None:
    channels, side = shape
    with torch.device("meta"):
        net = build(name, channels, side).train()
        outputs = outputs_of(net, torch.empty(2, channels, side, side))
    assert {output.shape for output in outputs} == {(2, 10)}
    assert len(outputs) == 1 or net.auxiliary_weight > 0
    sum(output.sum() for output in outputs).backward()
    assert [path for path, parameter in net.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", [*SMALL, *(pytest.param(name, marks=pytest.mark.slow) for name in HEAVY)])
def test_two_digits_train_without_a_nan(build: Build, name: str) -> None:
    net = build(name).train()
    x, y = torch.randn(2, 1, 8, 8), torch.tensor([1, 2])
    sum(F.cross_entropy(output, y) for output in outputs_of(net, x)).backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    output = net.eval()(x)
    assert output.shape == (2, 10) and output.isfinite().all()
