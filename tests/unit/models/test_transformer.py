"""The small transformer: causality, padding, the state of unroll, tied embeddings, counts, and its variants."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from netyard.config.catalog import variants
from netyard.layers.sequences import POOLINGS
from netyard.models.transformer import POSITIONS, SinusoidalPositions, Transformer
from support.sequence_networks import check_learns_first_step, check_padding_changes_nothing, count, reading_digits

NAMES = [name for name, node in variants().items() if node["_target_"].endswith(".Transformer")]


def of_tokens(**arguments: Any) -> Transformer:
    sizes = {"num_outputs": 3, "input_size": None, "vocab_size": 9, "max_length": 8}
    return Transformer(**{**sizes, "hidden_size": 8, "num_heads": 2, **arguments})


def of_numbers(**arguments: Any) -> Transformer:
    sizes = {"num_outputs": 3, "input_size": 4, "vocab_size": None, "max_length": 8}
    return Transformer(**{**sizes, "hidden_size": 8, "num_heads": 2, **arguments})


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_changes_nothing(pooling: str, positions: str) -> None:
    net = of_tokens(pooling=pooling, positions=positions).double()
    padded = torch.tensor([[4, 7, 5, 0, 0, 0, 0], [5, 4, 8, 8, 6, 0, 0], [0, 0, 0, 0, 0, 0, 0]])
    by_itself = check_padding_changes_nothing(net, padded)
    net.eval()
    with torch.no_grad():  # where torch takes a faster path
        torch.testing.assert_close(net(padded)[:1], by_itself)
        assert net(padded).isfinite().all()
    assert not torch.allclose(net(torch.tensor([[4, 7, 6]])), by_itself)


@pytest.mark.parametrize("grad", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_an_output_does_not_depend_on_later_steps(training: bool, grad: bool) -> None:
    x = torch.randn(2, 6, 4)
    changed = torch.cat([x[:, :4], x[:, 4:] + 1], dim=1)
    net = of_numbers().train(training)
    with torch.set_grad_enabled(grad):
        before, after = net.unroll(x)[0], net.unroll(changed)[0]
    torch.testing.assert_close(after[:, :4], before[:, :4])
    assert not torch.allclose(after[:, 4], before[:, 4])


@pytest.mark.parametrize("kind", ["tokens", "numbers"])
def test_unroll_in_chunks_equals_unroll_at_once(kind: str) -> None:
    net = of_tokens() if kind == "tokens" else of_numbers()
    x = torch.randint(4, 9, (2, 8)) if kind == "tokens" else torch.randn(2, 8, 4)
    at_once, _ = net.unroll(x)
    assert at_once.shape == (2, 8, 3)
    for sizes in ([3, 1, 4], [1] * 8):
        parts, state = [], None
        for chunk in x.split(sizes, dim=1):
            part, state = net.unroll(chunk, state)
            parts.append(part)
        torch.testing.assert_close(torch.cat(parts, dim=1), at_once)
        assert torch.equal(state[0], x)
    torch.testing.assert_close(at_once[:, -1], net(x))


def test_the_oldest_steps_leave_the_state_when_the_context_is_full() -> None:
    net, x = of_tokens(), torch.randint(4, 9, (2, 13))
    _, state = net.unroll(x[:, :8])
    slid, state = net.unroll(x[:, 8:10], state)
    assert torch.equal(state[0], x[:, 2:10])
    torch.testing.assert_close(slid, net.unroll(x[:, 2:10])[0][:, -2:])
    fresh, state = net.unroll(x[:, 5:], state)  # as long as it can look: nothing of the past is left
    torch.testing.assert_close(fresh, net.unroll(x[:, 5:])[0])


def test_a_chunk_longer_than_the_context_is_split() -> None:
    net, x = of_tokens(), torch.randint(4, 9, (2, 19))
    outputs, state = net.unroll(x)
    first, carried = net.unroll(x[:, :8])
    second, carried = net.unroll(x[:, 8:16], carried)
    third, carried = net.unroll(x[:, 16:], carried)
    torch.testing.assert_close(outputs, torch.cat([first, second, third], dim=1))
    assert torch.equal(state[0], carried[0]) and torch.equal(state[0], x[:, -8:])


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradient_reaches_every_parameter(pooling: str, positions: str) -> None:
    for net, x in (
        (of_tokens(pooling=pooling, positions=positions), torch.randint(4, 9, (4, 8))),
        (of_numbers(pooling=pooling, positions=positions), torch.randn(4, 8, 4)),
    ):
        net(x).square().sum().backward()
        assert [name for name, each in net.named_parameters() if each.grad is None or not each.grad.any()] == []
        assert all(each.grad.isfinite().all() for each in net.parameters())


@pytest.mark.parametrize("positions", POSITIONS)
def test_the_order_of_the_steps_matters(positions: str) -> None:
    """Without positions the mean over a set of equal predecessors would not know it."""
    net = of_tokens(positions=positions, pooling="mean")
    same = net.unroll(torch.tensor([[4, 4, 4]]))[0][0]
    assert not torch.allclose(same[0], same[1]) and not torch.allclose(same[1], same[2])


def test_sinusoids_by_hand() -> None:
    table = SinusoidalPositions(5, 6)(torch.zeros(1, 5, 6))[0]
    for place in range(5):
        for pair in range(3):
            angle = place / 10_000 ** (2 * pair / 6)
            assert table[place, 2 * pair].item() == pytest.approx(math.sin(angle), abs=1e-6)
            assert table[place, 2 * pair + 1].item() == pytest.approx(math.cos(angle), abs=1e-6)


def test_tied_weights_are_one_parameter() -> None:
    net, untied = of_tokens(num_outputs=9, tied_embeddings=True), of_tokens(num_outputs=9)
    assert net.head.weight is net.embedding.weight
    assert count(untied) - count(net) == 8 * 9


@pytest.mark.parametrize(
    ("arguments", "reading"),
    [
        ({"input_size": 8, "vocab_size": None}, 8 * 64 + 64 + 10 * 64),
        ({"input_size": None, "vocab_size": 50}, 50 * 64 + 10 * 64),
        ({"input_size": None, "vocab_size": 50, "positions": "sinusoidal"}, 50 * 64),
        ({"input_size": None, "vocab_size": 50, "pooling": "attention"}, 50 * 64 + 10 * 64 + 64 * 64 + 64 + 64),
    ],
)
def test_the_parameter_count_is_that_of_the_formula(arguments: dict[str, Any], reading: int) -> None:
    with torch.device("meta"):
        net = Transformer(num_outputs=5, max_length=10, hidden_size=64, num_layers=3, **arguments)
    attention = 4 * (64 * 64 + 64)
    feedforward = 64 * 256 + 256 + 256 * 64 + 64
    norms = 2 * 2 * 64
    assert count(net) == reading + 3 * (attention + feedforward + norms) + 2 * 64 + 64 * 5 + 5


def test_blocks_have_different_initial_weights() -> None:
    first, second = of_tokens().blocks
    assert not torch.equal(first.linear1.weight, second.linear1.weight)


def test_dropout_acts_in_training_only() -> None:
    net, x = of_tokens(dropout=0.5), torch.tensor([[4, 7, 5]])
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


@pytest.mark.parametrize("positions", POSITIONS)
def test_a_network_with_a_restored_state_dict_gives_the_same_outputs(positions: str) -> None:
    arguments = {"positions": positions, "num_outputs": 9, "tied_embeddings": True}
    net, again = of_tokens(**arguments), of_tokens(**arguments)
    again.load_state_dict(net.state_dict())
    x = torch.tensor([[4, 7, 5]])
    assert torch.equal(net(x), again(x))


def test_it_learns_a_label_that_depends_on_the_first_step_only() -> None:
    check_learns_first_step(lambda: of_tokens(num_outputs=2, hidden_size=16), lr=0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": None}, "input_size and vocab_size are both null; .*; try data=digits_rows"),
        ({"hidden_size": 9}, "hidden_size is 9 and num_heads 2; .* equal share; try model.hidden_size=10"),
        ({"max_length": 0}, "max_length is 0; .* at least 1; try"),
        ({"num_heads": 0}, "num_heads is 0; .* at least 1; try"),
        ({"dropout": 1.5}, "dropout is 1.5; .*; try model.dropout=0.1"),
        ({"positions": "rotary"}, "positions is 'rotary'; it must be one of learned, sinusoidal; try model.positions="),
        ({"pooling": "max"}, "pooling is 'max'; it must be one of .*; try model.pooling="),
        ({"tied_embeddings": True}, "tied_embeddings is true and vocab_size is null; .*; try model.tied_embeddings="),
    ],
)
def test_an_error_message_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of_numbers(**arguments)


def test_a_sequence_longer_than_the_context_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the sequence has 9 steps; .* max_length=8 .*; try model.max_length=9"):
        of_numbers()(torch.zeros(1, 9, 4))
    padded = torch.cat([torch.full((1, 8), 4), torch.zeros(1, 5, dtype=torch.int64)], dim=1)
    assert of_tokens()(padded).shape == (1, 3)  # padding is not length


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_runs_on_rows_of_digits(name: str) -> None:
    assert reading_digits(name).max_length == 8
