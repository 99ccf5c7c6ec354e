"""Networks that value actions: an encoder for what is seen, and one stream or two for what it is worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.activations import Activation, activation_layer
from netyard.layers.noisy import NoisyLinear
from netyard.ranges.bounds import Count, OneOf
from netyard.ranges.signature import check

ENCODERS = ("auto", "mlp", "nature", "impala", "small")
_SMALLEST_NATURE = 36  # pixels a side that the Nature CNN's three convolutions leave something of


class QNetwork(nn.Module):
    """(B, *input_shape) -> (B, num_actions) values, or (B, num_actions, num_atoms) where returns are distributions.

    Pictures in uint8 are scaled to [0, 1]. Mnih et al. 2015; the two streams of a dueling network, Wang et al. 2016,
    arXiv:1511.06581; learned noise in all that follows the encoder, Fortunato et al. 2018, arXiv:1706.10295.

    Args:
        input_shape: of an observation, (F,) or (C, H, W).
        num_actions: how many there are.
        encoder: mlp; nature (Mnih et al. 2015) or impala (Espeholt et al. 2018, arXiv:1802.01561) for pictures, small
            for the few pixels of MinAtar (Young & Tian 2019, arXiv:1903.03176); auto takes mlp, nature or small.
        hidden_sizes: of the linear layers; None: 128 twice after no picture, else as the encoder's paper has it.
        dueling: whether value and advantage have a last hidden layer each.
        noisy: whether the linear layers have learned noise.
        num_atoms: outputs for an action.
        activation: between linear layers.

    Raises:
        ArgumentError: an encoder that does not fit the shape, a size below 1, an unknown name.
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        num_actions: Count,
        encoder: Annotated[str, OneOf(ENCODERS)] = "auto",
        hidden_sizes: Sequence[Count] | None = None,
        dueling: bool = False,
        noisy: bool = False,
        num_atoms: Count = 1,
        activation: Activation = "relu",
    ) -> None:
        super().__init__()
        check(QNetwork, locals(), "model")
        if encoder == "auto":
            encoder = _fitting(input_shape)
        self.encoder, default = _encoder(encoder, input_shape)
        hidden_sizes = list(default if hidden_sizes is None else hidden_sizes)
        self.num_actions, self.num_atoms = num_actions, num_atoms
        with torch.no_grad():
            features = self.encoder(torch.zeros(1, *input_shape)).shape[1]
        linear: Callable[[int, int], nn.Module] = NoisyLinear if noisy else nn.Linear
        # With two streams they part before the last hidden layer.
        shared = hidden_sizes[:-1] if dueling else hidden_sizes
        own = hidden_sizes[len(shared) :]
        sizes = [features, *shared]
        self.hidden = nn.Sequential(
            *(layer for pair in pairwise(sizes) for layer in (linear(*pair), activation_layer(activation)))
        )

        def stream(outputs: int) -> nn.Sequential:
            sizes_ = [sizes[-1], *own]
            hidden = (layer for pair in pairwise(sizes_) for layer in (linear(*pair), activation_layer(activation)))
            return nn.Sequential(*hidden, linear(sizes_[-1], outputs))

        self.advantage = stream(num_actions * num_atoms)
        self.value = stream(num_atoms) if dueling else None
        self.noisy = [module for module in self.modules() if isinstance(module, NoisyLinear)]

    def forward(self, x: Tensor) -> Tensor:
        x = x.float() / 255 if x.dtype == torch.uint8 else x.to(self._dtype())
        hidden = self.hidden(self.encoder(x))
        outputs = self.advantage(hidden)
        if self.num_atoms > 1:
            outputs = outputs.unflatten(1, (self.num_actions, self.num_atoms))
        if self.value is None:
            return outputs
        value = self.value(hidden)
        # An advantage is one over the average action; without that the two streams could drift apart.
        return (value[:, None] if self.num_atoms > 1 else value) + outputs - outputs.mean(dim=1, keepdim=True)

    def draw_noise(self, generator: torch.Generator | None = None) -> None:
        """New noise in every layer that has some."""
        for layer in self.noisy:
            layer.draw(generator)

    def _dtype(self) -> torch.dtype:
        return self.advantage[-1].weight.dtype


def _fitting(shape: Sequence[int]) -> str:
    if len(shape) != 3:
        return "mlp"
    return "nature" if min(shape[1:]) >= _SMALLEST_NATURE else "small"


def _encoder(name: str, shape: Sequence[int]) -> tuple[nn.Module, Sequence[int]]:
    """An encoder to (B, features), and the hidden sizes that its paper gives it."""
    if name == "mlp":
        return nn.Flatten(), (128, 128)
    smallest = {"nature": _SMALLEST_NATURE, "impala": 8, "small": 3}[name]
    if len(shape) != 3 or min(shape[1:]) < smallest:
        raise ArgumentError(
            f"encoder is {name!r} and an observation has shape {tuple(shape)};",
            f"{name} wants pictures (C, H, W) of {smallest} pixels a side at least;",
            "try model.encoder=auto.",
        )
    return {"nature": _nature, "impala": _impala, "small": _small}[name](shape[0])


def _nature(channels: int) -> tuple[nn.Module, Sequence[int]]:
    layers = [
        *(nn.Conv2d(channels, 32, 8, stride=4), nn.ReLU()),
        *(nn.Conv2d(32, 64, 4, stride=2), nn.ReLU()),
        *(nn.Conv2d(64, 64, 3), nn.ReLU()),
    ]
    return nn.Sequential(*layers, nn.Flatten()), (512,)


def _small(channels: int) -> tuple[nn.Module, Sequence[int]]:
    return nn.Sequential(nn.Conv2d(channels, 16, 3), nn.ReLU(), nn.Flatten()), (128,)


def _impala(channels: int) -> tuple[nn.Module, Sequence[int]]:
    layers: list[nn.Module] = []
    for wide in (16, 32, 32):
        layers += [nn.Conv2d(channels, wide, 3, padding=1), nn.MaxPool2d(3, stride=2, padding=1)]
        layers += [_Residual(wide), _Residual(wide)]
        channels = wide
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten()), (256,)


class _Residual(nn.Module):
    """Two convolutions and a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x.relu()).relu())
