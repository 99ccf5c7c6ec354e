"""Checks image networks: their outputs, and whether they can be trained."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netyard.config.catalog import variants
from support.meta_kernels import on_meta

MODULES = ("mlp", "cnn", "lenet", "zoo")
NAMES = [name for name, node in variants().items() if node["_target_"].split(".")[2] in MODULES]
SHAPES = [(1, 8), (1, 28), (3, 32)]  # and (3, 224), where the parameters are counted


def outputs_of(net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """Return the outputs of a network; those of auxiliary heads come last."""
    output = net(x)
    return output if isinstance(output, tuple) else (output,)


def require_gradients(net: nn.Module, outputs: tuple[Tensor, ...]) -> None:
    """Run backward and check that every trainable parameter has a gradient."""
    sum(output.sum() for output in outputs).backward()
    assert [path for path, each in net.named_parameters() if each.requires_grad and each.grad is None] == []


def check_gradients(build: Callable[..., nn.Module], name: str, shape: tuple[int, int]) -> None:
    """Check that images of this shape give ten outputs, and every parameter a gradient."""
    channels, side = shape
    with on_meta():
        net = build(name, channels, side).train()
        outputs = outputs_of(net, torch.empty(2, channels, side, side))
        assert {output.shape for output in outputs} == {(2, 10)}
        assert len(outputs) == 1 or net.auxiliary_weight > 0
        require_gradients(net, outputs)


def check_two_digits(net: nn.Module) -> None:
    """Train and evaluate with two digits of 8 pixels; no output is NaN."""
    net.train()
    x, y = torch.randn(2, 1, 8, 8), torch.tensor([1, 2])
    sum(F.cross_entropy(output, y) for output in outputs_of(net, x)).backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    output = net.eval()(x)
    assert output.shape == (2, 10) and output.isfinite().all()
