"""The lasso's sum, over what the caller chooses."""

import torch
from torch import nn

from netyard.losses.penalties import l1_penalty
from netyard.optim.parameters import regularised_parameters


def test_by_hand():
    net = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
    net[0].weight.data = torch.tensor([[1.0, -2.0], [0.0, 4.0]])
    penalty = l1_penalty(regularised_parameters(net))
    assert penalty.item() == 7.0
    penalty.backward()
    assert net[0].weight.grad.tolist() == [[1.0, -1.0], [0.0, 1.0]]
    assert net[0].bias.grad is None


def test_nothing_to_penalise_is_zero():
    assert l1_penalty([]).item() == 0.0
    assert l1_penalty(parameter for parameter in nn.Linear(1, 1).parameters()).ndim == 0
