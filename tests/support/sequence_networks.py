"""Checks of sequence networks, and the number of their parameters."""

from __future__ import annotations

from collections.abc import Callable

import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from netyard.config.compose import compose


def count(net: nn.Module) -> int:
    return sum(parameter.numel() for parameter in net.parameters())


def _gradients(net: nn.Module, output: Tensor) -> list[Tensor]:
    weights = torch.arange(1.0, output.numel() + 1).to(output).view_as(output)
    return list(torch.autograd.grad((output * weights).sum(), list(net.parameters())))


def check_padding_changes_nothing(net: nn.Module, padded: Tensor) -> Tensor:
    """The answer for the first row of ``padded``, and its gradients, are those of 4, 7, 5 alone; return that answer."""
    by_itself, in_company = net(torch.tensor([[4, 7, 5]])), net(padded)[:1]
    torch.testing.assert_close(in_company, by_itself)
    for ours, theirs in zip(_gradients(net, in_company), _gradients(net, by_itself), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert not torch.allclose(net(torch.tensor([[4, 7, 6]])), by_itself)  # what is no padding does change it
    return by_itself


def check_learns_first_step(build: Callable[[], nn.Module], lr: float) -> None:
    """A network of tokens 4 to 8 with two outputs learns to classify sequences by their first step."""
    torch.manual_seed(0)
    x = torch.randint(4, 9, (64, 8))
    x[:, 0] = torch.arange(64) % 2 + 4
    net = build()
    optimizer = torch.optim.Adam(net.parameters(), lr=lr)
    for _ in range(40):
        loss = nn.functional.cross_entropy(net(x), x[:, 0] - 4)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1


def reading_digits(name: str) -> nn.Module:
    """A variant with the data that it chooses, rows of digits: ten answers for each picture."""
    cfg, choices = compose([f"model={name}"])
    assert choices["data"] == "digits_rows"
    net = instantiate(cfg.model, _convert_="all")
    assert net(torch.randn(2, 8, 8)).shape == (2, 10)
    return net
