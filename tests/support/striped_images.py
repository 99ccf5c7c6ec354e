"""Two classes of striped images, and a small classifier that is trained on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from netyard.metrics.reference_classifier import BATCH_SIZE, SmallClassifier, accuracy, train_classifier

LABELS = torch.arange(256) % 2


def stripes(channels: int = 1, side: int = 8) -> Tensor:
    """Return images (256, C, side, side) in [0, 1] with noise: even ones have horizontal, odd ones vertical stripes."""
    stripe = (torch.arange(side) % 2).float()
    pictures = torch.where((LABELS == 0)[:, None, None], stripe[:, None].expand(side, side), stripe.expand(side, side))
    noise = torch.rand(256, channels, side, side, generator=torch.Generator().manual_seed(0))
    return 0.5 * pictures[:, None] + 0.5 * noise


def batches_of(pictures: Tensor) -> Callable[[int], Iterator[tuple[Tensor, Tensor]]]:
    def batches(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(epoch))
        return ((pictures[part], LABELS[part]) for part in order.split(BATCH_SIZE))

    return batches


def check_learns() -> None:
    """A trained classifier is right on every image, an untrained one is not."""
    pictures = stripes()
    torch.manual_seed(0)
    net = SmallClassifier(1, 2)
    untaught = accuracy(net.eval(), batches_of(pictures)(0))
    taught = train_classifier(net.train(), batches_of(pictures), len(pictures))
    assert not taught.training
    assert untaught < 0.8 and accuracy(taught, batches_of(pictures)(0)) == 1.0


def check_same_weights() -> None:
    """The same images give the same weights for any random state and mode, and the random state is restored."""
    states = []
    for seed in (1, 2):
        torch.manual_seed(0)
        net = SmallClassifier(1, 2)
        torch.manual_seed(seed)  # the run's own
        before = torch.get_rng_state()
        with torch.inference_mode(bool(seed - 1)):
            states.append(train_classifier(net, batches_of(stripes()), 256).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
