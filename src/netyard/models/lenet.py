"""LeNet-5, a convolutional network for handwritten digits."""

from __future__ import annotations

from torch import Tensor, nn

from netyard.layers.activations import Activation, activation_layer
from netyard.layers.resize import PadOrResize
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count
from netyard.ranges.signature import check


class LeNet5(nn.Module):
    """Two convolutions with 2x2 mean pools, a third one over the whole map, and two linear layers.

    (B, in_channels, H, W) -> (B, num_outputs) logits; images of any size are resized to 32x32, those of 28x28 (MNIST)
    padded with two zeros on each side. LeCun, Bottou, Bengio & Haffner 1998, figure 2. As in most implementations,
    pools have no weights, every map of C3 is connected to all of S2, and the outputs are linear instead of radial basis
    functions: 61,706 parameters for ten classes of grey images.

    Raises:
        ArgumentError: a size below 1, or an unknown activation.
    """

    def __init__(
        self,
        num_outputs: Count,
        in_channels: Count,
        activation: Activation = "tanh",
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(LeNet5, locals(), "model")
        self.resize = PadOrResize(32)
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5),  # C1: (B, 6, 28, 28)
            activation_layer(activation),
            nn.AvgPool2d(2),  # S2: (B, 6, 14, 14)
            nn.Conv2d(6, 16, kernel_size=5),  # C3: (B, 16, 10, 10)
            activation_layer(activation),
            nn.AvgPool2d(2),  # S4: (B, 16, 5, 5)
            nn.Conv2d(16, 120, kernel_size=5),  # C5: (B, 120, 1, 1)
            activation_layer(activation),
            nn.Flatten(),
        )
        self.classifier = nn.Sequential(
            nn.Linear(120, 84),  # F6
            activation_layer(activation),
            nn.Linear(84, num_outputs),
        )
        load_pretrained(self, pretrained)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(self.resize(x)))
