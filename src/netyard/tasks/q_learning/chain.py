"""Fast computation of the small networks of classic control.

A step of CartPole takes a few microseconds; calling the modules of a network to choose an action takes several times
as long, and a gradient by autograd twice the time of its arithmetic. So a net that consists only of linear layers with
ReLU between them is computed directly from its weights: by NumPy to act, and with an analytic gradient to train.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

# Types of observations, besides float32, whose conversion by a network a chain can repeat.
_TYPES = (torch.uint8, torch.bool, torch.int8, torch.int16, torch.int32, torch.int64, torch.float64)
_TORCH_TYPES = {str(kind).removeprefix("torch."): kind for kind in _TYPES}
_ZERO = np.zeros((), np.float32)  # a float32 array: a Python 0.0 would be converted at every call


class Chain:
    """Linear layers with ReLU between them: (B, F) -> (B, A), on the layers' own weights.

    Args:
        layers: the linear ones.
        scales: what the net multiplies observations of other types with, after it has converted them to float32.
    """

    def __init__(self, layers: list[nn.Linear], scales: dict[torch.dtype, float] | None = None) -> None:
        self.scales = {} if scales is None else scales
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
        device, features = layers[0].weight.device, layers[0].in_features
        scales: dict[torch.dtype, float] = {}
        chain = cls(layers, scales)
        if _differ(net, chain, torch.linspace(-1, 1, 3 * features, device=device).view(3, -1)) is not False:
            return None  # it computes something else, or takes inputs of another shape
        for kind in _TYPES:
            x = (torch.arange(3 * features, device=device).view(3, -1) % 7).to(kind)
            for scale in (1.0, 1 / 255):
                scales[kind] = scale
                differ = _differ(net, chain, x)
                if differ is None:  # the net does not take this type, and neither does the chain
                    del scales[kind]
                if not differ:
                    break
            else:
                return None
        return chain

    def arrays(self) -> list[tuple[Any, Any]]:
        """Return weights (in, out) and biases as NumPy arrays that share memory with the net's parameters."""
        return [(weight.detach().numpy().T, bias.detach().numpy()) for weight, bias in self.weights]

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the input of each layer, and last the output. To be called while autograd is off."""
        if x.dtype is not torch.float32 and x.dtype in self.scales:
            x = x.float() * self.scales[x.dtype]
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


def _differ(net: nn.Module, chain: Chain, x: Tensor) -> bool | None:
    """Whether the outputs of a net and a chain differ; None if the net does not take the input."""
    try:
        with torch.no_grad():
            expected = net(x)
    except RuntimeError:
        return None
    with torch.no_grad():
        found = chain.forward(x)[-1]
    return expected.shape != found.shape or not torch.allclose(expected, found, rtol=1e-4, atol=1e-5)


# OpenBLAS computes whole vector registers, and what lies in the unused part of one can set the flag of an invalid
# operation though all inputs and outputs are finite; NumPy would warn of it at random.
@np.errstate(invalid="ignore")
def numpy_choice(
    arrays: list[tuple[Any, Any]],
    observations: Any,
    masks: Any = None,
    scales: Mapping[torch.dtype, float] | None = None,
) -> Any:
    """Return the index of the largest output for each observation: (B, *shape) -> int64 (B,).

    ``masks``, bool (B, A), are the outputs that count; ``scales`` those of the ``Chain``.
    """
    *hidden, (last_weight, last_bias) = arrays
    x = observations.reshape(len(observations), -1)
    if x.dtype.char != "f":
        x = x.astype(np.float32) * np.float32((scales or {}).get(_TORCH_TYPES[x.dtype.name], 1.0))
    for weight, bias in hidden:
        x = x.dot(weight)  # takes half the time of matmul for a single row
        x += bias  # in place, like the next line: no new arrays
        np.maximum(x, _ZERO, out=x)
    outputs = x.dot(last_weight) + last_bias
    return (outputs if masks is None else np.where(masks, outputs, -np.inf)).argmax(axis=1)
