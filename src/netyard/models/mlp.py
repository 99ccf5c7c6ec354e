"""The multilayer perceptron: linear layers with activations between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from netyard.layers.activations import Activation
from netyard.layers.dense import dense_layers
from netyard.layers.initialization import WeightInit, initialize_weights
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, Probability
from netyard.ranges.signature import check


class MLP(nn.Module):
    """Hidden layers of linear, batch norm, activation and dropout, then a linear output.

    (B, *input_shape) -> (B, num_outputs) logits. Rumelhart, Hinton & Williams 1986.

    There is no softmax: during training it is part of the loss, afterwards of the prediction. Without hidden layers the
    model is softmax regression, or linear regression.

    Raises:
        ArgumentError: a size below 1, a dropout outside [0, 1), an unknown activation or weight_init.
    """

    def __init__(
        self,
        input_shape: Sequence[Count],
        num_outputs: Count,
        hidden_sizes: Sequence[Count] = (256, 128),
        activation: Activation = "relu",
        batch_norm: bool = False,
        dropout: Probability = 0.0,
        weight_init: WeightInit = "default",
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(MLP, locals(), "model")
        sizes = [math.prod(input_shape), *hidden_sizes]
        # (B, C, H, W) -> (B, C * H * W): which pixels are neighbours is lost.
        self.hidden = nn.Sequential(nn.Flatten(), *dense_layers(sizes, activation, batch_norm, dropout))
        self.head = nn.Linear(sizes[-1], num_outputs)
        initialize_weights(self.hidden, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")  # no activation follows: a gain of 1
        load_pretrained(self, pretrained)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(x))  # (B, sizes[-1]) -> (B, num_outputs)
