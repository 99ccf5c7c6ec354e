"""The VQ-VAE and its quantizer: nearest codes, straight-through gradient, moving averages, unused codes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from netyard.layers.quantizer import Quantizer
from netyard.models.vq_vae import VQVAE

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64)]


def quantizer(*codes: float, **arguments: Any) -> Quantizer:
    """With codes of one number, all in use."""
    made = Quantizer(len(codes), 1, **arguments)
    with torch.no_grad():
        made.codes.copy_(torch.tensor(codes)[:, None])
        made.usage.fill_(1 / len(codes))
        if made.ema:
            made.sums.copy_(made.codes / len(codes))
    return made


def maps(*values: float) -> torch.Tensor:
    return torch.tensor(values).view(1, 1, 1, -1)


@pytest.mark.parametrize("ema", [True, False])
def test_each_vector_is_replaced_by_the_nearest_code_and_keeps_its_gradient(ema: bool) -> None:
    layer, z = quantizer(-1.0, 0.5, 2.0, ema=ema).eval(), maps(0.6, -3.0, 1.2).requires_grad_()
    output, codes, commitment, codebook = layer(z)
    torch.testing.assert_close(output, maps(0.5, -1.0, 0.5))
    assert codes.tolist() == [[[1, 0, 1]]] and torch.equal(layer.look_up(codes), maps(0.5, -1.0, 0.5))
    wanted = (0.1**2 + 2**2 + 0.7**2) / 3
    assert commitment.item() == pytest.approx(wanted)
    assert codebook.item() == pytest.approx(0 if ema else wanted)
    (output * maps(1.0, 10.0, 100.0)).sum().backward()
    assert z.grad is not None and z.grad.flatten().tolist() == [1, 10, 100]


def test_commitment_moves_vectors_and_codebook_loss_moves_codes() -> None:
    layer, z = quantizer(0.0, 4.0, ema=False).eval(), maps(1.0).requires_grad_()
    made = layer(z)
    made.commitment.backward(retain_graph=True)
    assert z.grad is not None and z.grad.item() == 2 and layer.codes.grad is None
    z.grad = None
    made.codebook.backward()
    assert z.grad is None and layer.codes.grad is not None and layer.codes.grad.tolist() == [[-2], [0]]


def test_a_moving_average_by_hand() -> None:
    layer = quantizer(0.0, 4.0, decay=0.9).train()
    layer(maps(1.0, 1.0, 1.0, 5.0))
    # usage 0.5 -> 0.525 and 0.475; sums 0 -> 0.075 and 2 -> 1.925
    assert layer.usage.tolist() == pytest.approx([0.525, 0.475])
    assert layer.codes.flatten().tolist() == pytest.approx([0.075 / 0.525, 1.925 / 0.475])
    before = layer.codes.clone()
    layer.eval()(maps(100.0))
    assert torch.equal(layer.codes, before)


def test_codes_converge_to_the_means_of_their_vectors() -> None:
    layer, z = quantizer(0.0, 4.0).train(), maps(1.0, 2.0, 5.0, 7.0)
    for _ in range(300):
        layer(z)
    assert layer.codes.flatten().tolist() == pytest.approx([1.5, 6.0], abs=1e-3)


@pytest.mark.parametrize("ema", [True, False])
def test_an_unused_code_is_replaced_and_a_used_one_is_not(ema: bool) -> None:
    layer, z = quantizer(-100.0, 3.0, ema=ema, decay=0.5).train(), maps(1.0, 1.5, 5.0, 5.0)
    for _ in range(8):
        layer(z)
    assert layer.eval()(z).codes.unique().tolist() == [0, 1]
    assert -1 < layer.codes.min() < 2


def test_in_the_first_step_every_code_becomes_a_vector_of_the_batch() -> None:
    layer = Quantizer(4, 3, ema=False).train()
    z = torch.randn(2, 3, 2, 2)
    layer(z)
    vectors = z.movedim(1, -1).flatten(0, -2)
    assert (torch.cdist(layer.codes, vectors).min(dim=1).values == 0).all()


def test_replacing_codes_uses_no_random_numbers() -> None:
    torch.manual_seed(1)
    layer, z, state = Quantizer(4, 3).train(), torch.randn(2, 3, 2, 2), torch.get_rng_state()
    layer(z)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("ema", [True, False])
def test_shapes_and_gradients_of_every_parameter(shape: Any, ema: bool) -> None:
    net = VQVAE(shape, channels=[4, 8], codebook_size=6, embedding_size=3, ema=ema).train()
    x = torch.randn(3, *shape)
    output, quantized = net(x)
    assert output.shape == x.shape and quantized.codes.shape == (3, *net.code_shape)
    ((output - x).square().mean() + quantized.commitment + quantized.codebook).backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in net.parameters())
    net.eval()
    output, quantized = net(x)
    torch.testing.assert_close(net.decode(quantized.codes), output)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"codebook_size": 0}, "codebook_size is 0; .* at least 2; try"),
        ({"embedding_size": 0}, "embedding_size is 0"),
        ({"channels": []}, r"channels is \[\]; .*; try model\.channels=\[32,64\]"),
        ({"decay": 1.0}, r"decay is 1\.0; it must be a number above 0 and below 1; try model\.decay=0\.95"),
        ({"input_shape": [4]}, r"input_shape is \[4\]; .* images .*; try"),
    ],
)
def test_an_error_message_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VQVAE(**{"input_shape": (1, 8, 8), **arguments})
