"""The multilayer perceptron: linear layers with an activation between them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from netyard.layers.activations import activation_layer
from netyard.layers.checks import check_dropout, check_sizes
from netyard.layers.initialization import initialize_weights


class MLP(nn.Module):
    """Hidden layers of linear, batch norm, activation and dropout, then a linear output.

    (B, *input_shape) -> (B, num_outputs) logits. Rumelhart, Hinton & Williams 1986.

    There is no softmax here: during training it is inside the loss, afterwards inside prediction. With no
    hidden layers the model is softmax regression, or linear regression.

    Raises:
        ValueError: a size below 1, a dropout outside [0, 1), an unknown activation or weight_init.
    """

    def __init__(
        self,
        input_shape: Sequence[int],
        num_outputs: int,
        hidden_sizes: Sequence[int] = (256, 128),
        activation: str = "relu",
        batch_norm: bool = False,
        dropout: float = 0.0,
        weight_init: str = "default",
    ) -> None:
        super().__init__()
        check_sizes(input_shape=input_shape, num_outputs=num_outputs, hidden_sizes=hidden_sizes)
        check_dropout(dropout)
        layers: list[nn.Module] = [nn.Flatten()]
        size = math.prod(input_shape)
        for hidden_size in hidden_sizes:
            layers.append(nn.Linear(size, hidden_size, bias=not batch_norm))  # batch norm brings its own shift
            if batch_norm:
                layers.append(nn.BatchNorm1d(hidden_size))
            layers.append(activation_layer(activation))
            if dropout:
                layers.append(nn.Dropout(dropout))
            size = hidden_size
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(size, num_outputs)
        initialize_weights(self.hidden, weight_init, activation)
        initialize_weights(self.head, weight_init, "identity")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.hidden(x))
