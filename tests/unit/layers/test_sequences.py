"""Recurrent layers, embeddings and pooling of sequence networks."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from netyard.layers.sequences import POOLINGS, TokenEmbedding, pooling_layer, real_steps, tie, trim


def test_embeddings_have_unit_variance_and_padding_is_zero() -> None:
    embedding = TokenEmbedding(500, 64)
    vectors = embedding(torch.arange(500))
    assert (vectors[0] == 0).all()
    assert vectors[1:].std().item() == pytest.approx(1.0, rel=0.02)
    vectors.sum().backward()
    assert (embedding.weight.grad[0] == 0).all() and (embedding.weight.grad[1:] == 8).all()  # 8, the scale of 64


def test_a_tied_head_is_the_embedding() -> None:
    embedding, head = TokenEmbedding(10, 4), nn.Linear(4, 10)
    tie(head, embedding)
    assert head.weight is embedding.weight


def test_trimming_keeps_every_token_and_at_least_one_step() -> None:
    tokens, lengths = trim(torch.tensor([[4, 5, 0, 0, 0], [4, 5, 6, 0, 0], [0, 0, 0, 0, 0]]))
    assert tokens.tolist() == [[4, 5, 0], [4, 5, 6], [0, 0, 0]] and lengths.tolist() == [2, 3, 1]


def test_real_steps_are_those_before_the_length() -> None:
    steps = torch.zeros(2, 3, 7)
    assert real_steps(steps, torch.tensor([1, 3])).tolist() == [[True, False, False], [True, True, True]]
    assert real_steps(steps, None).tolist() == [[True] * 3] * 2


@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_does_not_depend_on_padding(pooling: str) -> None:
    pool, steps = pooling_layer(pooling, 4), torch.randn(2, 5, 4)
    real = real_steps(steps, torch.tensor([2, 5]))
    changed = steps.masked_fill(~real.unsqueeze(2), 1e4)
    torch.testing.assert_close(pool(changed, real), pool(steps, real))
    torch.testing.assert_close(pool(steps, real)[:1], pool(steps[:1, :2], real[:1, :2]))


def test_pooling_by_hand() -> None:
    steps = torch.tensor([[[1.0], [2.0], [6.0], [9.0]]])
    real = torch.tensor([[True, True, True, False]])
    assert pooling_layer("last", 1)(steps, real).item() == 6
    assert pooling_layer("mean", 1)(steps, real).item() == 3
    attention = pooling_layer("attention", 1)
    for parameter in attention.parameters():
        nn.init.zeros_(parameter)
    assert attention(steps, real).item() == pytest.approx(3)  # no preference is the mean
    nn.init.ones_(attention.hidden.weight)
    nn.init.constant_(attention.score.weight, 2.0)
    weights = (2 * torch.tensor([1.0, 2.0, 6.0]).tanh()).softmax(0)
    assert attention(steps, real).item() == pytest.approx((weights @ steps[0, :3]).item())
