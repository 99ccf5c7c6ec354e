"""Reconstruction: noise of its own, and what is refused."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netyard.tasks.parts.coders import check_coder
from support.reconstruction_task import SHAPE, Coder, Pictures, task_of


def test_noise_leaves_the_global_random_numbers_alone() -> None:
    validating, training, data = task_of(Coder(), noise="gaussian"), task_of(Coder(), noise="gaussian"), Pictures((6,))
    before = torch.get_rng_state()
    validating.validation_step(data.evaluated[0], 0)
    training.training_step(data.trained[0], 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_noise_of_training_is_that_of_its_seed_and_place() -> None:
    def given(seed: int, batch_idx: int) -> Tensor:
        torch.manual_seed(seed)
        torch.rand(batch_idx)  # whatever else was drawn
        net, data = Coder(), Pictures((6,))
        task_of(net, noise="gaussian").training_step(data.trained[0], batch_idx)
        return net.seen[-1]

    assert torch.equal(given(1, 2), given(1, 2))
    assert not torch.equal(given(1, 2), given(1, 3)) and not torch.equal(given(1, 2), given(2, 2))


class Plain(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Unlike(Coder):
    def decode(self, z: Tensor) -> Tensor:
        return super().decode(z)[..., :4]


class Two(Coder):
    def encode(self, x: Tensor) -> Any:
        return super().encode(x), None


@pytest.mark.parametrize(
    ("net", "settings", "message"),
    [
        (Plain(), {}, r"Plain has no encode and decode; task reconstruction needs both; try model=autoencoder"),
        (
            Unlike(),
            {},
            r"Unlike decodes to the shape \[1, 8, 4\], .* \[1, 8, 8\]; .*try model=autoencoder",
        ),
        (Two(), {}, r"the codes of Two are not a tensor \(B, latent_size\); .*try model=autoencoder"),
        (Coder(), {"sparsity": "kl"}, r"codes of Coder are not between 0 and 1; .*try model\.code_activation=sigmoid"),
        (Coder(), {"loss": nn.CrossEntropyLoss()}, "try loss=mse"),
        (Coder(), {"noise": "snow"}, r"noise is 'snow'; .* none, gaussian, masking, .*try task\.noise="),
        (Coder(), {"noise_level": math.inf}, r"noise_level is inf; .*try task\.noise_level=0\.5"),
        (Coder(), {"noise": "masking", "noise_level": 1.5}, r"noise_level is 1\.5 and noise masking"),
        (Coder(), {"sparsity": "l0"}, r"sparsity is 'l0'; .* none, l1, kl; try task\.sparsity=l1"),
        (Coder(), {"sparsity_weight": math.nan}, r"sparsity_weight is nan; .*try task\.sparsity_weight=0\.001"),
        (Coder(), {"sparsity_target": 1.0}, r"sparsity_target is 1\.0; .*try task\.sparsity_target=0\.05"),
        (Coder(), {"contraction": -1.0}, r"contraction is -1\.0; .*try task\.contraction="),
    ],
)
def test_a_refusal_has_three_parts(net: nn.Module, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(net, **settings)


def test_checking_a_net_changes_nothing_of_it() -> None:
    net = nn.Sequential(nn.BatchNorm2d(1), nn.Dropout(0.5)).train()
    net.encode, net.decode = lambda x: net(x).flatten(1), lambda z: z.view(-1, *SHAPE)  # type: ignore[assignment]
    before, state = torch.get_rng_state(), {name: value.clone() for name, value in net.state_dict().items()}
    check_coder(net, SHAPE)
    assert net.training and torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, state[name]) for name, value in net.state_dict().items())
