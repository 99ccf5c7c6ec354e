"""Fast computation of the small networks of classic control.

A step of CartPole takes a few microseconds; calling the modules of a network to choose an action takes several times
as long, and a gradient by autograd twice the time of its arithmetic. So a net that consists only of linear layers with
ReLU between them is computed directly from its weights: by NumPy to act, and with an analytic gradient to train.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

_ZERO = np.zeros((), np.float32)  # a float32 array: a Python 0.0 would be converted at every call


class Chain:
    """Linear layers with ReLU between them: (B, F) -> (B, A), on the layers' own weights.

    Args:
        layers: the linear ones.
    """

    def __init__(self, layers: list[nn.Linear]) -> None:
        # Looked up once: reading attributes of a module is slow.
        self.weights = [(each.weight, each.bias) for each in layers]

    @classmethod
    def of(cls, net: nn.Module) -> Chain | None:
        """Return the chain that is equal to a net, or None; modules are compared first, then outputs of an example."""
        # Modules without children. The forward of a container may compute more; the example below detects that.
        leaves = [each for each in net.modules() if not list(each.children()) and type(each) is not nn.Sequential]
        if leaves and isinstance(leaves[0], nn.Flatten):
            leaves = leaves[1:]  # ``forward`` flattens too
        layers = [each for each in leaves[::2] if type(each) is nn.Linear and each.bias is not None]
        between = leaves[1::2]
        if len(layers) != len(between) + 1 or len(leaves) != 2 * len(layers) - 1:
            return None
        if any(type(each) is not nn.ReLU for each in between):
            return None
        if any(each.dtype != torch.float32 for each in net.parameters()):
            return None  # observations are float32
        x = torch.linspace(-1, 1, 3 * layers[0].in_features, device=layers[0].weight.device).view(3, -1)
        try:
            with torch.no_grad():
                expected, found = net(x), cls(layers).forward(x)[-1]
        except RuntimeError:  # the net takes inputs of another shape
            return None
        fits = expected.shape == found.shape and torch.allclose(expected, found, rtol=1e-4, atol=1e-5)
        return cls(layers) if fits else None

    def arrays(self) -> list[tuple[Any, Any]]:
        """Return weights (in, out) and biases as NumPy arrays that share memory with the net's parameters."""
        return [(weight.detach().numpy().T, bias.detach().numpy()) for weight, bias in self.weights]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the input of each layer, and last the output. To be called while autograd is off."""
        activations = [x.flatten(1)]  # (B, F)
        *hidden, last = self.weights
        for weight, bias in hidden:
            activations.append(linear(activations[-1], weight, bias).relu_())  # (B, hidden_size)
        activations.append(linear(activations[-1], *last))  # (B, A)
        return activations

    def backward(self, activations: list[Tensor], grad: Tensor) -> None:
        """Set every parameter's gradient by backpropagation.

        Args:
            activations: the result of ``forward``.
            grad: the gradient with respect to the output, (B, A).
        """
        for index in range(len(self.weights) - 1, -1, -1):
            (weight, bias), x = self.weights[index], activations[index]
            # Allocated once and then overwritten: an update of a small net is dominated by such overhead.
            if weight.grad is None or bias.grad is None:
                weight.grad, bias.grad = torch.empty_like(weight), torch.empty_like(bias)
            # y = x W' + b: dL/dW = (dL/dy)' x and dL/db = sum over the batch of dL/dy.
            torch.mm(grad.t(), x, out=weight.grad)
            torch.sum(grad, 0, out=bias.grad)
            if index:  # no gradient of the observations
                # dL/dx = dL/dy W, through the ReLU: x is its output, which is 0 where its input was not positive.
                grad = torch.ops.aten.threshold_backward(grad.mm(weight), x, 0)


# OpenBLAS computes whole vector registers, and what lies in the unused part of one can set the flag of an invalid
# operation though all inputs and outputs are finite; NumPy would warn of it at random.
@np.errstate(invalid="ignore")
def numpy_choice(arrays: list[tuple[Any, Any]], observations: Any) -> Any:
    """Return the index of the largest output for each observation: (B, *shape) -> int64 (B,)."""
    *hidden, (last_weight, last_bias) = arrays
    x = observations.reshape(len(observations), -1)
    for weight, bias in hidden:
        x = x.dot(weight)  # takes half the time of matmul for a single row
        x += bias  # in place, like the next line: no new arrays
        np.maximum(x, _ZERO, out=x)
    return (x.dot(last_weight) + last_bias).argmax(axis=1)
