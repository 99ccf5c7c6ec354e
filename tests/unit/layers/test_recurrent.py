"""Recurrent layers, embeddings and pooling of sequence networks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from netyard.layers.recurrent import CELLS, RecurrentLayers

SHAPES: list[dict[str, Any]] = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"num_layers": 3, "layer_norm": True},
    {"num_layers": 2, "bidirectional": True, "layer_norm": True},
]


def all_cells(layers: nn.Module) -> list[nn.RNNBase]:
    return [module for module in layers.modules() if isinstance(module, nn.RNNBase)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_matrices_are_orthogonal_and_only_forget_gates_are_biased(cell: str, shape: dict[str, Any]) -> None:
    layers = RecurrentLayers(cell, 5, 6, **shape)
    gates = {"lstm": 4, "gru": 3}.get(cell, 1)
    for cells in all_cells(layers):
        named = dict(cells.named_parameters())
        for name, weight in named.items():
            if name.startswith("weight_hh"):
                for gate in weight.view(gates, 6, 6):
                    torch.testing.assert_close(gate @ gate.T, torch.eye(6))
            elif name.startswith("weight_ih"):
                bound = (6 / (weight.shape[1] + 6)) ** 0.5  # Glorot & Bengio: of one gate, not of all together
                assert 0.7 * bound < weight.abs().max() <= bound
            elif name.startswith("bias_ih"):
                total = (weight + named[name.replace("_ih", "_hh")]).view(gates, 6)
                expected = torch.zeros(gates, 6)
                if cell == "lstm":
                    expected[1] = 1.0  # input, forget, cell, output
                assert torch.equal(total, expected)


@pytest.mark.parametrize("cell", CELLS)
def test_without_layer_norm_it_is_torchs_own_cell(cell: str) -> None:
    layers = RecurrentLayers(cell, 3, 4, num_layers=2, bidirectional=True)
    x = torch.randn(2, 5, 3)
    outputs, state = layers(x)
    expected, last = layers.groups[0](x)
    assert torch.equal(outputs, expected)
    lasts = last if isinstance(last, tuple) else (last,)
    assert all(torch.equal(ours, theirs.transpose(0, 1)) for ours, theirs in zip(state, lasts, strict=True))


def test_layers_are_fused_unless_a_norm_stands_between_them() -> None:
    fused, split = RecurrentLayers("gru", 3, 4, 3), RecurrentLayers("gru", 3, 4, 3, layer_norm=True)
    assert [cells.num_layers for cells in all_cells(fused)] == [3]
    assert [cells.num_layers for cells in all_cells(split)] == [1, 1, 1]
    split.norms = nn.ModuleList(nn.Identity() for _ in range(3))
    for index, cells in enumerate(all_cells(split)):
        for name, parameter in cells.named_parameters():
            parameter.data = getattr(all_cells(fused)[0], name.replace("l0", f"l{index}")).data
    x = torch.randn(2, 5, 3)
    for ours, theirs in zip(split(x), fused(x), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("layer_norm", [False, True])
def test_dropout_stands_between_layers_only(layer_norm: bool) -> None:
    x = torch.randn(2, 5, 3)
    one = RecurrentLayers("gru", 3, 4, 1, dropout=0.9, layer_norm=layer_norm)
    assert torch.equal(one(x)[0], one(x)[0])
    two = RecurrentLayers("gru", 3, 4, 2, dropout=0.9, layer_norm=layer_norm)
    assert not torch.equal(two(x)[0], two(x)[0])
    two.eval()
    assert torch.equal(two(x)[0], two(x)[0])


def test_the_norm_is_of_the_outputs_of_each_layer() -> None:
    outputs, state = (layers := RecurrentLayers("lstm", 3, 8, 2, layer_norm=True))(torch.randn(2, 5, 3))
    torch.testing.assert_close(outputs.mean(2), torch.zeros(2, 5), atol=1e-6, rtol=0)
    torch.testing.assert_close(layers.summary(state), outputs[:, -1])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_the_summary_is_what_either_end_has_read(cell: str, shape: dict[str, Any]) -> None:
    layers = RecurrentLayers(cell, 3, 4, **{**shape, "layer_norm": False})
    outputs, state = layers(torch.randn(2, 5, 3), torch.tensor([5, 2]))
    for row, length in enumerate((5, 2)):
        ends = [outputs[row, length - 1, :4], outputs[row, 0, 4:]]
        torch.testing.assert_close(layers.summary(state)[row], torch.cat(ends))
    assert (outputs[1, 2:] == 0).all()


@pytest.mark.parametrize("shape", SHAPES[::2], ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_a_state_has_the_batch_first_and_can_be_reordered(cell: str, shape: dict[str, Any]) -> None:
    layers = RecurrentLayers(cell, 3, 4, **shape)
    x = torch.randn(3, 5, 3)
    _, state = layers(x[:, :2])
    assert all(part.shape == (3, layers.num_layers, 4) for part in state) and len(state) == 1 + (cell == "lstm")
    rows = torch.tensor([2, 0])
    continued, _ = layers(x[rows, 2:], state=tuple(part.index_select(0, rows) for part in state))
    torch.testing.assert_close(continued, layers(x)[0][rows, 2:])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"cell": "ltsm"}, "cell is 'ltsm'; it must be one of rnn_tanh, rnn_relu, lstm, gru; try model.cell=lstm"),
        ({"num_layers": 0}, "num_layers is 0; .*; try model.num_layers=1"),
        ({"dropout": 1.0}, "dropout is 1.0; .*; try"),
    ],
)
def test_an_error_message_has_three_parts(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RecurrentLayers(**{"cell": "gru", "input_size": 3, "hidden_size": 4, **arguments})


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("cell", CELLS)
def test_padded_sequences_are_read_as_packed_ones_are(
    cell: str, shape: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the padding holds, and from whatever state."""
    layers = RecurrentLayers(cell, 3, 4, **shape)
    with torch.no_grad():
        for parameter in layers.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    x, lengths = torch.randn(4, 6, 3), torch.tensor([6, 1, 4, 5])
    rows = shape.get("num_layers", 1) * (2 if shape.get("bidirectional") else 1)
    states = [None, tuple(torch.randn(4, rows, 4) for _ in range(2 if cell == "lstm" else 1))]
    for state in states:
        padded, padded_last = layers(x, lengths, state)
        with monkeypatch.context() as patch:
            patch.setattr("netyard.layers.recurrent._is_faster_padded", lambda x: False)
            outputs, last = layers(x, lengths, state)  # packed, as on a GPU
        torch.testing.assert_close(padded, outputs)
        for ours, theirs in zip(padded_last, last, strict=True):
            torch.testing.assert_close(ours, theirs)
