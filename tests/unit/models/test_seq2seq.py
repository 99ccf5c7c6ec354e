"""The encoder and decoder: padding, causality, state, attention by hand, counts, and the family's variants."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from torch import Tensor, nn

from netyard.config.catalog import variants
from netyard.config.compose import compose
from netyard.layers.recurrent import CELLS
from netyard.models.seq2seq import Attention, Seq2Seq

NAMES = [name for name, node in variants().items() if node["_target_"].endswith(".Seq2Seq")]


def small(**arguments: Any) -> Seq2Seq:
    sizes = {"num_outputs": 7, "vocab_size": 9, "embedding_size": 5, "hidden_size": 6, "num_layers": 2}
    return Seq2Seq(**{**sizes, **arguments})


def gradients(net: nn.Module, output: Tensor) -> list[Tensor]:
    weights = torch.arange(1.0, output.numel() + 1).to(output).view_as(output)
    return list(torch.autograd.grad((output * weights).sum(), list(net.parameters())))


@pytest.mark.parametrize("cell", CELLS)
def test_padding_of_the_source_changes_nothing(cell: str) -> None:
    net = small(cell=cell).double()
    alone = torch.tensor([[4, 7, 5]])
    padded = torch.tensor([[4, 7, 5, 0, 0, 0], [5, 4, 8, 8, 6, 4], [0, 0, 0, 0, 0, 0]])
    tokens = torch.tensor([[2, 4, 5, 6]])
    by_itself, in_company = net(alone, tokens), net(padded, tokens.expand(3, -1))[:1]
    torch.testing.assert_close(in_company, by_itself)
    for ours, theirs in zip(gradients(net, in_company), gradients(net, by_itself), strict=True):
        torch.testing.assert_close(ours, theirs)
    assert net(padded, tokens.expand(3, -1)).isfinite().all()  # a source of nothing included
    assert not torch.allclose(net(torch.tensor([[4, 7, 6]]), tokens), by_itself)


@pytest.mark.parametrize("cell", CELLS)
def test_decoding_step_by_step_equals_decoding_at_once(cell: str) -> None:
    net, tokens = small(cell=cell), torch.tensor([[2, 4, 5, 6], [2, 6, 6, 4]])
    memory = net.encode(torch.tensor([[4, 7, 5, 0], [8, 8, 8, 8]]))
    at_once, at_the_end = net.decode(memory, tokens)
    assert at_once.shape == (2, 4, 7)
    parts, state = [], None
    for token in tokens.split(1, dim=1):
        part, state = net.decode(memory, token, state)
        parts.append(part)
    torch.testing.assert_close(torch.cat(parts, dim=1), at_once)
    for ours, theirs in zip(state, at_the_end, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_a_logit_does_not_depend_on_later_tokens() -> None:
    net, source = small(), torch.tensor([[4, 7, 5]])
    before, after = net(source, torch.tensor([[2, 4, 5, 6]])), net(source, torch.tensor([[2, 4, 6, 6]]))
    torch.testing.assert_close(after[:, :2], before[:, :2])
    assert not torch.allclose(after[:, 2], before[:, 2])


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_rows_of_memory_and_state_can_be_selected_as_in_beam_search(cell: str) -> None:
    net = small(cell=cell)
    source, tokens = torch.tensor([[4, 7, 5, 0], [8, 6, 8, 8], [5, 0, 0, 0]]), torch.tensor([[2, 4], [2, 5], [2, 6]])
    memory = net.encode(source)
    _, state = net.decode(memory, tokens[:, :1])
    assert all(len(part) == 3 for part in (*memory, *state))
    rows = torch.tensor([2, 2, 0])
    logits, _ = net.decode(
        tuple(part.index_select(0, rows) for part in memory),
        tokens[rows, 1:],
        tuple(part.index_select(0, rows) for part in state),
    )
    torch.testing.assert_close(logits, net(source, tokens)[rows, 1:])


def test_the_decoder_starts_from_the_final_states_of_both_directions() -> None:
    net, source = small(cell="lstm", num_layers=2), torch.tensor([[4, 7, 5]])
    outputs, lengths, hidden, cells = net.encode(source)
    assert lengths.tolist() == [3] and hidden.shape == cells.shape == (1, 2, 6)
    torch.testing.assert_close(hidden[0, -1], torch.cat([outputs[0, -1, :3], outputs[0, 0, 3:]]))
    steps = net.source_embedding(source)
    _, (last, _) = net.encoder.groups[0](steps)
    torch.testing.assert_close(hidden[0, 0], torch.cat([last[0, 0], last[1, 0]]))  # of the first layer too


def test_attention_by_hand() -> None:
    attention = Attention(2)
    nn.init.eye_(attention.query.weight)
    attention.combine.weight.data = torch.eye(2).repeat(1, 2)  # c + h
    h = torch.tensor([[[1.0, 0.0]]])
    memory = torch.tensor([[[2.0, 1.0], [0.0, 3.0], [9.0, 9.0]]])
    weights = torch.tensor([2.0, 0.0]).softmax(0)  # h·m of the two real steps
    expected = (weights @ memory[0, :2] + h[0, 0]).tanh()
    torch.testing.assert_close(attention(h, memory, torch.tensor([[True, True, False]]))[0, 0], expected)


@pytest.mark.parametrize("cell", CELLS)
def test_gradient_reaches_every_parameter(cell: str) -> None:
    net = small(cell=cell, dropout=0.1)
    net(torch.randint(4, 9, (4, 6)), torch.randint(2, 7, (4, 5))).square().sum().backward()
    assert [name for name, each in net.named_parameters() if each.grad is None or not each.grad.any()] == []
    assert all(each.grad.isfinite().all() for each in net.parameters())


def test_dropout_acts_in_training_only() -> None:
    net, source, tokens = small(num_layers=1, dropout=0.5), torch.tensor([[4, 7, 5]]), torch.tensor([[2, 4]])
    assert not torch.equal(net(source, tokens), net(source, tokens))
    net.eval()
    assert torch.equal(net(source, tokens), net(source, tokens))


@pytest.mark.parametrize(("cell", "gates"), [("gru", 3), ("lstm", 4)])
def test_the_parameter_count_is_that_of_the_formula(cell: str, gates: int) -> None:
    with torch.device("meta"):
        net = Seq2Seq(num_outputs=40, vocab_size=16, cell=cell)
    embeddings = (16 + 40) * 64
    encoder = 2 * gates * (64 * 64 + 64 * 64 + 2 * 64)
    decoder = gates * (64 * 128 + 128 * 128 + 2 * 128)
    attention = 128 * 128 + 256 * 128
    expected = embeddings + encoder + decoder + attention + 128 * 40 + 40
    assert sum(parameter.numel() for parameter in net.parameters()) == expected


def test_a_network_with_a_restored_state_dict_gives_the_same_outputs() -> None:
    net, again = small(), small()
    again.load_state_dict(net.state_dict())
    source, tokens = torch.tensor([[4, 7, 5]]), torch.tensor([[2, 4, 5]])
    assert torch.equal(net(source, tokens), again(source, tokens))


def test_it_learns_to_reverse() -> None:
    torch.manual_seed(0)
    source = torch.randint(4, 9, (64, 4))
    target = source.flip(1)
    tokens = torch.cat([torch.full((64, 1), 2), target[:, :-1]], dim=1)
    net = small(num_outputs=9, hidden_size=32, num_layers=1)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
    for _ in range(80):
        loss = nn.functional.cross_entropy(net(source, tokens).flatten(0, 1), target.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1  # ln 5 = 1.6 for a guess


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_size": 7}, "hidden_size is 7; .* even; try model.hidden_size=8"),
        ({"hidden_size": 0}, "hidden_size is 0; .* at least 1; try"),
        ({"vocab_size": None}, "vocab_size is null; .*; try data=number_words"),
        ({"cell": "rnn"}, "cell is 'rnn'; it must be one of .*; try model.cell=rnn_"),
        ({"dropout": -0.1}, "dropout is -0.1; .*; try model.dropout=0.1"),
    ],
)
def test_an_error_message_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**arguments)


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_composes_and_translates(name: str) -> None:
    cfg, _ = compose([f"model={name}", "data=digits_rows"])  # the user's data beats the family's
    node = {**cfg.model, "num_outputs": 40, "vocab_size": 16}
    net = instantiate(node, _convert_="all")
    assert net(torch.randint(4, 16, (2, 5)), torch.randint(2, 40, (2, 7))).shape == (2, 7, 40)
