"""RNN, LSTM and GRU: padding, state, initial weights, tied embeddings, counts, and the family's variants."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from netyard.config.catalog import variants
from netyard.config.compose import compose
from netyard.layers.recurrent import CELLS
from netyard.layers.sequences import POOLINGS
from netyard.models.recurrent import Recurrent
from support.sequence_networks import check_learns_first_step, check_padding_changes_nothing, count, reading_digits

NAMES = [name for name, node in variants().items() if node["_target_"].endswith(".Recurrent")]
STACKS: list[dict[str, Any]] = [{}, {"bidirectional": True}, {"layer_norm": True}]


def of_tokens(**arguments: Any) -> Recurrent:
    sizes = {"num_outputs": 3, "input_size": None, "vocab_size": 9, "embedding_size": 5, "hidden_size": 6}
    return Recurrent(**{**sizes, "num_layers": 2, **arguments})


def of_numbers(**arguments: Any) -> Recurrent:
    sizes = {"num_outputs": 3, "input_size": 4, "vocab_size": None, "hidden_size": 6, "num_layers": 2}
    return Recurrent(**{**sizes, **arguments})


@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_padding_changes_nothing(cell: str, pooling: str, stack: dict[str, Any]) -> None:
    net = of_tokens(cell=cell, pooling=pooling, **stack).double()
    check_padding_changes_nothing(
        net, torch.tensor([[4, 7, 5, 0, 0, 0, 0], [5, 4, 8, 8, 6, 0, 0], [6, 0, 0, 0, 0, 0, 0]])
    )


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_sequence_of_padding_only_has_a_finite_output(pooling: str) -> None:
    net = of_tokens(pooling=pooling, bidirectional=True)
    outputs = net(torch.tensor([[0, 0, 0], [4, 5, 0]]))
    outputs.sum().backward()
    assert outputs.isfinite().all()
    torch.testing.assert_close(outputs[:1], net(torch.tensor([[0]])))


@pytest.mark.parametrize("stack", STACKS, ids=str)
@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("cell", CELLS)
def test_gradient_reaches_every_parameter(cell: str, pooling: str, stack: dict[str, Any]) -> None:
    for net, x in (
        (of_tokens(cell=cell, pooling=pooling, **stack), torch.randint(4, 9, (4, 7))),
        (of_numbers(cell=cell, pooling=pooling, **stack), torch.randn(4, 7, 4)),
    ):
        net(x).square().sum().backward()
        assert [name for name, each in net.named_parameters() if each.grad is None or not each.grad.any()] == []
        assert all(each.grad.isfinite().all() for each in net.parameters())


@pytest.mark.parametrize("layer_norm", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_unroll_in_chunks_equals_unroll_at_once(cell: str, layer_norm: bool) -> None:
    for net, x in (
        (of_tokens(cell=cell, layer_norm=layer_norm), torch.randint(4, 9, (2, 7))),
        (of_numbers(cell=cell, layer_norm=layer_norm), torch.randn(2, 7, 4)),
    ):
        at_once, at_the_end = net.unroll(x)
        assert at_once.shape == (2, 7, 3)
        parts, state = [], None
        for chunk in x.split([3, 1, 3], dim=1):
            part, state = net.unroll(chunk, state)
            parts.append(part)
        torch.testing.assert_close(torch.cat(parts, dim=1), at_once)
        for ours, theirs in zip(state, at_the_end, strict=True):
            torch.testing.assert_close(ours, theirs)
            assert len(ours) == 2  # the batch is first
        torch.testing.assert_close(at_once[:, -1], net(x))  # the answer to the whole is that of the last step


def test_an_output_does_not_depend_on_later_steps() -> None:
    net, x = of_tokens(), torch.tensor([[4, 5, 6, 7, 8]])
    before, after = net.unroll(x)[0], net.unroll(torch.tensor([[4, 5, 6, 4, 8]]))[0]
    torch.testing.assert_close(after[:, :3], before[:, :3])
    assert not torch.allclose(after[:, 3], before[:, 3])


def test_a_bidirectional_network_cannot_be_unrolled() -> None:
    with pytest.raises(ValueError, match=r"bidirectional is true; .*; try model.bidirectional=false"):
        of_tokens(bidirectional=True).unroll(torch.tensor([[4]]))


@pytest.mark.parametrize("hidden_size", [5, 6])  # as the embeddings, and with a projection
def test_tied_weights_are_one_parameter(hidden_size: int) -> None:
    net = of_tokens(num_outputs=9, hidden_size=hidden_size, tied_embeddings=True)
    untied = of_tokens(num_outputs=9, hidden_size=hidden_size)
    projection = 0 if hidden_size == 5 else 6 * 5 + 5
    assert net.head.weight is net.embedding.weight
    assert count(untied) - count(net) == hidden_size * 9 - projection
    x = torch.randint(4, 9, (2, 3))
    net.unroll(x)[0].sum().backward()
    assert net.embedding.weight.grad[0].any()  # of the head: token 0 is a class there, if never a right one
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert torch.equal(net.head.weight, net.embedding.weight)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"cell": "rnn_tanh"}, 8 * 128 + 128 * 128 + 2 * 128 + 128 * 10 + 10),
        ({"cell": "lstm"}, 4 * (8 * 128 + 128 * 128 + 2 * 128) + 128 * 10 + 10),
        ({"cell": "gru", "num_layers": 2}, 3 * ((8 + 128 + 128 + 128) * 128 + 4 * 128) + 128 * 10 + 10),
        ({"cell": "lstm", "bidirectional": True}, 2 * 4 * (8 * 128 + 128 * 128 + 2 * 128) + 256 * 10 + 10),
        ({"cell": "gru", "layer_norm": True}, 3 * (8 * 128 + 128 * 128 + 2 * 128) + 2 * 128 + 128 * 10 + 10),
        ({"cell": "rnn_relu", "pooling": "attention"}, 18_954 + 128 * 128 + 128 + 128),
        (
            {"cell": "gru", "input_size": None, "vocab_size": 50},
            50 * 64 + 3 * (64 * 128 + 128 * 128 + 2 * 128) + 128 * 10 + 10,
        ),
    ],
)
def test_the_parameter_count_is_that_of_the_formula(arguments: dict[str, Any], expected: int) -> None:
    with torch.device("meta"):
        net = Recurrent(**{"num_outputs": 10, "input_size": 8, "vocab_size": None, **arguments})
    assert count(net) == expected


def test_dropout_is_before_the_head_and_on_the_embeddings() -> None:
    x = torch.randint(4, 9, (2, 3))
    for net in (of_tokens(num_layers=1, dropout=0.5), of_tokens(num_layers=1, embedding_dropout=0.5)):
        assert not torch.equal(net(x), net(x))
        net.eval()
        assert torch.equal(net(x), net(x))


@pytest.mark.parametrize("arguments", [{}, {"layer_norm": True, "num_outputs": 9, "tied_embeddings": True}], ids=str)
def test_a_network_with_a_restored_state_dict_gives_the_same_outputs(arguments: dict[str, Any]) -> None:
    net, again = of_tokens(**arguments), of_tokens(**arguments)
    again.load_state_dict(net.state_dict())
    x = torch.randint(4, 9, (2, 3))
    assert torch.equal(net(x), again(x))


def test_it_learns_a_label_that_depends_on_the_first_step_only() -> None:
    check_learns_first_step(lambda: of_tokens(num_outputs=2, hidden_size=16, num_layers=1), lr=0.02)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"input_size": None, "vocab_size": None}, "input_size and vocab_size are both null; .*; try data=digits_rows"),
        ({"vocab_size": 9}, "input_size and vocab_size are 4 and 9; .*; try data="),
        ({"input_size": 0}, "input_size is 0; .*; try"),
        ({"hidden_size": 0}, "hidden_size is 0; .*; try"),
        ({"embedding_size": -1}, "embedding_size is -1; .*; try"),
        ({"dropout": 1.5}, "dropout is 1.5; it must be a number at least 0 and below 1; try model.dropout=0.1"),
        ({"cell": "GRU"}, "cell is 'GRU'; it must be one of .*; try model.cell="),
        ({"pooling": "max"}, "pooling is 'max'; it must be one of last, mean, attention; try model.pooling="),
        ({"embedding_dropout": 1}, "embedding_dropout is 1; .*; try model.embedding_dropout=0.1"),
        ({"embedding_dropout": 0.5}, "embedding_dropout is 0.5 and vocab_size is null; .*; try model.embedding_dropo"),
        ({"tied_embeddings": True}, "tied_embeddings is true and vocab_size is null; .*; try model.tied_embeddings="),
    ],
)
def test_an_error_message_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        of_numbers(**arguments)


def test_outputs_other_than_the_vocabulary_cannot_be_tied() -> None:
    with pytest.raises(ValueError, match=r"3 outputs for 9 tokens; .*; try model.tied_embeddings=false"):
        of_tokens(tied_embeddings=True)


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_runs_on_rows_of_digits(name: str) -> None:
    assert reading_digits(name).layers.num_layers == 1


def test_config_keys_reach_the_cells() -> None:
    cfg, _ = compose(["model=gru", "model.hidden_size=12", "model.num_layers=2", "model.bidirectional=true"])
    (cells,) = instantiate(cfg.model, _convert_="all").layers.groups
    assert (type(cells), cells.hidden_size, cells.num_layers, cells.bidirectional) == (nn.GRU, 12, 2, True)
