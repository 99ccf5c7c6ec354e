"""Networks that look at images: what they answer, and whether they can be trained."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def outputs_of(net: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
    """What a network answers; those of auxiliary heads come after its own."""
    output = net(x)
    return output if isinstance(output, tuple) else (output,)


def check_two_digits(net: nn.Module) -> None:
    """Two digits of 8 pixels train it without a nan, and are answered without one."""
    net.train()
    x, y = torch.randn(2, 1, 8, 8), torch.tensor([1, 2])
    sum(F.cross_entropy(output, y) for output in outputs_of(net, x)).backward()
    assert all(parameter.grad.isfinite().all() for parameter in net.parameters())
    output = net.eval()(x)
    assert output.shape == (2, 10) and output.isfinite().all()
