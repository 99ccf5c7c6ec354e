"""Q-networks, which estimate the value of each action: an encoder of the observation, and one or two output streams."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Annotated

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.activations import Activation, activation_layer
from netyard.layers.noisy import NoisyLinear
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, OneOf
from netyard.ranges.signature import check

ENCODERS = ("auto", "mlp", "nature", "impala", "small")
_SMALLEST_NATURE = 36  # pixels a side, of which the three convolutions of the Nature CNN leave one: 36 -> 8 -> 3 -> 1


class QNetwork(nn.Module):
    """(B, *input_shape) -> (B, num_actions) values, or (B, num_actions, num_atoms) if returns are distributions.

    Images in uint8 are scaled to [0, 1]. Mnih et al. 2015; dueling networks: Wang et al. 2016, arXiv:1511.06581;
    learned noise in all layers after the encoder: Fortunato et al. 2018, arXiv:1706.10295.

    Args:
        input_shape: of an observation, (F,) or (C, H, W).
        num_actions: the number of actions.
        encoder: mlp; nature (Mnih et al. 2015) or impala (Espeholt et al. 2018, arXiv:1802.01561) for images, small for
            the 10x10 images of MinAtar (Young & Tian 2019, arXiv:1903.03176); auto chooses mlp, nature or small.
        hidden_sizes: of the linear layers; None: 128 twice for vectors, for images as in the paper of the encoder.
        dueling: whether value and advantage have separate last hidden layers.
        noisy: whether the linear layers have learned noise.
        num_atoms: the number of outputs for each action.
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
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(QNetwork, locals(), "model")
        if encoder == "auto":
            encoder = _default_encoder(input_shape)
        self.encoder, default = _encoder(encoder, input_shape)
        hidden_sizes = list(default if hidden_sizes is None else hidden_sizes)
        self.num_actions, self.num_atoms = num_actions, num_atoms
        with torch.no_grad():  # the number of features of an image depends on its size; one forward pass gives it
            features = self.encoder(torch.zeros(1, *input_shape)).shape[1]
        linear: Callable[[int, int], nn.Module] = NoisyLinear if noisy else nn.Linear
        # The two streams of a dueling network separate before the last hidden layer; figure 1 of Wang et al.
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

        self.advantage = stream(num_actions * num_atoms)  # without dueling these are the values themselves
        self.value = stream(num_atoms) if dueling else None
        # A plain list: registered a second time, the layers would be in the state dict twice.
        self.noisy = [module for module in self.modules() if isinstance(module, NoisyLinear)]
        load_pretrained(self, pretrained)

    def forward(self, x: Tensor) -> Tensor:
        # Replay memories hold images as uint8, a quarter of the memory of float32; other inputs (bool in MinAtar) get
        # the dtype of the weights.
        x = x.float() / 255 if x.dtype == torch.uint8 else x.to(self._dtype())
        hidden = self.hidden(self.encoder(x))
        outputs = self.advantage(hidden)
        if self.num_atoms > 1:
            outputs = outputs.unflatten(1, (self.num_actions, self.num_atoms))  # (B, num_actions, num_atoms)
        if self.value is None:
            return outputs
        value = self.value(hidden)  # (B, num_atoms)
        # Eq. 9 of Wang et al.: without the mean a constant could move from one stream to the other, and neither would
        # be determined. The mean rather than the maximum (eq. 8), as it changes more slowly.
        return (value[:, None] if self.num_atoms > 1 else value) + outputs - outputs.mean(dim=1, keepdim=True)

    def draw_noise(self, generator: torch.Generator | None = None) -> None:
        """Draw new noise in all layers that have noise."""
        for layer in self.noisy:
            layer.draw(generator)

    def _dtype(self) -> torch.dtype:
        return self.advantage[-1].weight.dtype


def _default_encoder(shape: Sequence[int]) -> str:
    if len(shape) != 3:
        return "mlp"
    return "nature" if min(shape[1:]) >= _SMALLEST_NATURE else "small"


def _encoder(name: str, shape: Sequence[int]) -> tuple[nn.Module, Sequence[int]]:
    """Return an encoder to (B, features), and the hidden sizes of its paper."""
    if name == "mlp":
        return nn.Flatten(), (128, 128)
    smallest = {"nature": _SMALLEST_NATURE, "impala": 8, "small": 3}[name]
    if len(shape) != 3 or min(shape[1:]) < smallest:
        raise ArgumentError(
            f"encoder is {name!r} and an observation has shape {tuple(shape)};",
            f"{name} needs images (C, H, W) of at least {smallest} pixels a side;",
            "try model.encoder=auto.",
        )
    return {"nature": _nature, "impala": _impala, "small": _small}[name](shape[0])


def _nature(channels: int) -> tuple[nn.Module, Sequence[int]]:
    # Mnih et al. 2015, methods; for 84x84 images (B, 32, 20, 20), (B, 64, 9, 9), (B, 64, 7, 7).
    layers = [
        *(nn.Conv2d(channels, 32, 8, stride=4), nn.ReLU()),
        *(nn.Conv2d(32, 64, 4, stride=2), nn.ReLU()),
        *(nn.Conv2d(64, 64, 3), nn.ReLU()),
    ]
    return nn.Sequential(*layers, nn.Flatten()), (512,)


def _small(channels: int) -> tuple[nn.Module, Sequence[int]]:
    # The DQN of Young & Tian 2019: one layer without padding, 10x10 -> (B, 16, 8, 8).
    return nn.Sequential(nn.Conv2d(channels, 16, 3), nn.ReLU(), nn.Flatten()), (128,)


def _impala(channels: int) -> tuple[nn.Module, Sequence[int]]:
    layers: list[nn.Module] = []
    for width in (16, 32, 32):  # figure 3 of Espeholt et al., the deeper network; each section halves the map
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.MaxPool2d(3, stride=2, padding=1)]
        layers += [_Residual(width), _Residual(width)]
        channels = width
    return nn.Sequential(*layers, nn.ReLU(), nn.Flatten()), (256,)


class _Residual(nn.Module):
    """Two convolutions with a skip connection: (B, channels, H, W) -> (B, channels, H, W)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        # ReLU first (pre-activation): the skip connection then is the identity from block to block.
        return x + self.second(self.first(x.relu()).relu())
