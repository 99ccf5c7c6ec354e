"""Every MLP and image model that is listed: exact counts, shapes, gradients; a new one by being listed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from netyard.catalog import parameters, variants
from support.image_networks import check_two_digits, outputs_of

Build = Callable[..., nn.Module]
MODULES = ("mlp", "cnn", "lenet", "zoo")
NAMES = [name for name, node in variants().items() if node["_target_"].split(".")[2] in MODULES]
SHAPES = [(1, 8), (1, 28), (3, 32)]  # and (3, 224), where the parameters are counted
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


def reached(output: Tensor) -> set[Tensor]:
    """The parameters that a gradient of this output would reach: the leaves of its graph."""
    found, seen, ahead = set(), set(), [output.grad_fn]
    while ahead:
        if (node := ahead.pop()) is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            found.add(node.variable)
        ahead += [function for function, _ in node.next_functions]
    return found


def require_outputs_and_gradients(net: nn.Module, channels: int, side: int, num_outputs: int, backward: bool) -> None:
    outputs = outputs_of(net, torch.empty(2, channels, side, side))
    assert {output.shape for output in outputs} == {(2, num_outputs)}
    assert len(outputs) == 1 or net.auxiliary_weight > 0
    total = sum(output.sum() for output in outputs)
    assert set(net.parameters()) <= reached(total)
    if backward:
        total.backward()
        assert [path for path, parameter in net.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_count_is_the_published_one(build: Build, name: str) -> None:
    """timm's and torchvision's as they print them; inception_v2's agrees with pretrainedmodels and pytorchcv."""
    with torch.device("meta"):
        net = build(name, 3, 224, 1000).train()
        assert sum(parameter.numel() for parameter in net.parameters()) == parameters()[name]
        require_outputs_and_gradients(net, 3, 224, 1000, backward=False)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_gradient_reaches_every_parameter_at_every_size(build: Build, name: str, shape: tuple[int, int]) -> None:
    """At the smallest size, where most is decided, by going backward; at the others by the graph, which is cheaper."""
    channels, side = shape
    with torch.device("meta"):
        net = build(name, channels, side).train()
        require_outputs_and_gradients(net, channels, side, 10, backward=side == 8)


@pytest.mark.parametrize("name", SMALL)
def test_two_digits_train_without_a_nan(build: Build, name: str) -> None:
    check_two_digits(build(name))
