"""Fast computation of the small networks of classic control.

A step of CartPole takes a few microseconds, and calling the modules of a network that chooses an action several times
as much; a gradient by autograd takes twice the time of its arithmetic. So a net that is no more than linear layers with
ReLU between them is computed directly on its weights: by NumPy to act, by an analytic gradient to learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

_ZERO = np.zeros((), np.float32)


class Chain:
    """Linear layers with ReLU between them: (B, F) -> (B, A), on the layers' own weights.

    Args:
        layers: the linear ones.
    """

    def __init__(self, layers: list[nn.Linear]) -> None:
        self.weights = [(each.weight, each.bias) for each in layers]  # looked up once: attributes of a module are slow

    @classmethod
    def of(cls, net: nn.Module) -> Chain | None:
        """The chain that equals a net, or None; the modules are compared first, then the outputs for an example."""
        leaves = [each for each in net.modules() if not list(each.children()) and type(each) is not nn.Sequential]
        if leaves and isinstance(leaves[0], nn.Flatten):
            leaves = leaves[1:]
        layers = [each for each in leaves[::2] if type(each) is nn.Linear and each.bias is not None]
        between = leaves[1::2]
        if len(layers) != len(between) + 1 or len(leaves) != 2 * len(layers) - 1:
            return None
        if any(type(each) is not nn.ReLU for each in between):
            return None
        if any(each.dtype != torch.float32 for each in net.parameters()):
            return None
        x = torch.linspace(-1, 1, 3 * layers[0].in_features, device=layers[0].weight.device).view(3, -1)
        try:
            with torch.no_grad():
                expected, found = net(x), cls(layers).forward(x)[-1]
        except RuntimeError:
            return None
        fits = expected.shape == found.shape and torch.allclose(expected, found, rtol=1e-4, atol=1e-5)
        return cls(layers) if fits else None

    def arrays(self) -> list[tuple[Any, Any]]:
        """Weights (in, out) and biases as NumPy sees them; they change with the net's."""
        return [(weight.detach().numpy().T, bias.detach().numpy()) for weight, bias in self.weights]

    def forward(self, x: Tensor) -> list[Tensor]:
        """The input of each layer, and at last the output; to be called where autograd is off."""
        passed = [x.flatten(1)]
        *hidden, last = self.weights
        for weight, bias in hidden:
            passed.append(linear(passed[-1], weight, bias).relu_())
        passed.append(linear(passed[-1], *last))
        return passed

    def backward(self, passed: list[Tensor], slope: Tensor) -> None:
        """Set every parameter's gradient, from what ``forward`` returned and the slope at its output (B, A)."""
        for index in range(len(self.weights) - 1, -1, -1):
            (weight, bias), x = self.weights[index], passed[index]
            if weight.grad is None or bias.grad is None:
                weight.grad, bias.grad = torch.empty_like(weight), torch.empty_like(bias)
            torch.mm(slope.t(), x, out=weight.grad)
            torch.sum(slope, 0, out=bias.grad)
            if index:
                slope = torch.ops.aten.threshold_backward(slope.mm(weight), x, 0)


def numpy_choice(arrays: list[tuple[Any, Any]], observations: Any) -> Any:
    """The index of the largest output for each of the observations (B, *shape): int64 (B,)."""
    *hidden, (last_weight, last_bias) = arrays
    x = observations.reshape(len(observations), -1)
    for weight, bias in hidden:
        x = x.dot(weight)  # for a single row half the time of matmul
        x += bias
        np.maximum(x, _ZERO, out=x)
    return (x.dot(last_weight) + last_bias).argmax(axis=1)
