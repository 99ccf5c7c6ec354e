"""The small classifier learns, always alike, and touches nothing of the run that asks for it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from netyard.scores import classifier
from netyard.scores.classifier import BATCH_SIZE, SmallClassifier, accuracy, num_steps, teach


@pytest.mark.parametrize(("channels", "side"), [(1, 8), (3, 28), (3, 64)])
def test_features_are_64_numbers_of_pictures_of_any_size(channels: int, side: int) -> None:
    net = SmallClassifier(channels, 5).eval()
    assert net(torch.rand(2, channels, side, side)).shape == (2, 64)
    assert net.head(net(torch.rand(2, channels, side, side))).shape == (2, 5)


@pytest.mark.parametrize(("samples", "steps"), [(10, 300), (54_000, 1265), (10**6, 2000)])
def test_it_learns_for_about_three_epochs(samples: int, steps: int) -> None:
    assert num_steps(samples) == steps


LABELS = torch.arange(256) % 2


def stripes(channels: int = 1, side: int = 8) -> Tensor:
    """Pictures (256, C, side, side) in [0, 1]: even ones striped across, odd ones down, under noise."""
    stripe = (torch.arange(side) % 2).float()
    pictures = torch.where((LABELS == 0)[:, None, None], stripe[:, None].expand(side, side), stripe.expand(side, side))
    noise = torch.rand(256, channels, side, side, generator=torch.Generator().manual_seed(0))
    return 0.5 * pictures[:, None] + 0.5 * noise


def batches_of(pictures: Tensor):
    def batches(epoch: int):
        order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(epoch))
        return ((pictures[part], LABELS[part]) for part in order.split(BATCH_SIZE))

    return batches


def test_it_learns_to_tell_the_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "num_steps", lambda num_samples: 60)
    pictures = stripes()
    torch.manual_seed(0)
    net = SmallClassifier(1, 2)
    untaught = accuracy(net.eval(), batches_of(pictures)(0))
    taught = teach(net.train(), batches_of(pictures), len(pictures))
    assert not taught.training
    assert untaught < 0.8 and accuracy(taught, batches_of(pictures)(0)) == 1.0


def test_the_same_pictures_teach_the_same_weights_even_under_inference_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier, "num_steps", lambda num_samples: 12)
    states = []
    for seed in (1, 2):
        torch.manual_seed(0)
        net = SmallClassifier(1, 2)
        torch.manual_seed(seed)  # the run's own
        before = torch.get_rng_state()
        with torch.inference_mode(bool(seed - 1)):
            states.append(teach(net, batches_of(stripes()), 256).state_dict())
        assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
