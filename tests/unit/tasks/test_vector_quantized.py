"""The vector-quantised task: its pictures, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netyard.losses.likelihoods import Bernoulli
from netyard.models.mlp import MLP
from support.vector_quantized_task import task_of


def test_pictures_are_drawn_as_often_as_the_evaluation_had_their_codes() -> None:
    task = task_of().eval()
    task.pixels.mean.fill_(0.5)
    assert task.net.code_shape == (2, 2)
    task.code_counts.zero_()
    task.code_counts[..., 5] = 1
    only = task.net.decode(torch.full((3, 2, 2), 5)).add(0.5).clamp(0, 1)
    torch.testing.assert_close(task.pictures(3), only.detach())
    task.code_counts.fill_(1)
    made = task.pictures(4, seed=1)
    assert torch.equal(made, task.pictures(4, seed=1)) and not torch.equal(made, task.pictures(4, seed=2))
    assert made.shape == (4, 1, 8, 8) and made.min() >= 0 and made.max() <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"net": MLP((1, 8, 8), 3)}, "MLP has no codebook; .*; try model=vq_vae"),
        ({"loss": Bernoulli()}, "loss Bernoulli does not take numbers .*; try loss=mse"),
        ({"commitment": -1.0}, r"commitment is -1\.0; it must be a number at least 0; try task\.commitment=0\.25"),
    ],
)
def test_a_refusal_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        task_of(**arguments)
