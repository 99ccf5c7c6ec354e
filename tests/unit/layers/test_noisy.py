"""Linear layers with learned noise."""

from __future__ import annotations

import torch

from netyard.layers.noisy import NoisyLinear


def test_the_noise_is_the_outer_product_of_two_vectors() -> None:
    torch.manual_seed(0)
    layer, x = NoisyLinear(5, 3), torch.randn(4, 5)
    layer.draw(torch.Generator().manual_seed(1))
    weight = layer.weight + layer.weight_sigma * torch.outer(layer.noise_out, layer.noise_in)
    torch.testing.assert_close(layer(x), x @ weight.T + layer.bias + layer.bias_sigma * layer.noise_out)
    layer.eval()
    torch.testing.assert_close(layer(x), x @ layer.weight.T + layer.bias)


def test_the_noise_is_drawn_from_a_generator_and_new_each_time() -> None:
    layer = NoisyLinear(400, 300)
    layer.draw(torch.Generator().manual_seed(1))
    first = layer.noise_in.clone()
    layer.draw(torch.Generator().manual_seed(1))
    assert torch.equal(first, layer.noise_in)
    layer.draw(torch.Generator().manual_seed(2))
    assert not torch.equal(first, layer.noise_in)
    normal = layer.noise_in.sign() * layer.noise_in.square()
    assert abs(float(normal.mean())) < 0.2 and abs(float(normal.std()) - 1) < 0.1


def test_its_size_is_that_of_the_paper_and_learns() -> None:
    layer = NoisyLinear(16, 4)
    assert torch.allclose(layer.weight_sigma, torch.full((4, 16), 0.125)) and layer.weight.abs().max() <= 0.25
    layer.draw()
    layer(torch.randn(8, 16)).sum().backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in layer.parameters())
