"""Layers of recurrent cells over padded batches: torch's own cells, packed, with one kind of state for all of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from netyard.ranges.bounds import Count, OneOf, Probability
from netyard.ranges.signature import check

State = tuple[Tensor, ...]

CELLS: dict[str, Callable[..., nn.RNNBase]] = {
    "rnn_tanh": partial(nn.RNN, nonlinearity="tanh"),  # Elman 1990, "Finding structure in time"
    "rnn_relu": partial(nn.RNN, nonlinearity="relu"),  # Le, Jaitly & Hinton 2015, arXiv:1504.00941
    "lstm": nn.LSTM,  # Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000
    "gru": nn.GRU,  # Cho et al. 2014, arXiv:1406.1078
}
Cell: TypeAlias = Annotated[str, OneOf(CELLS)]


class RecurrentLayers(nn.Module):
    """Cells over cells, read in one direction or both; dropout between them, layer norm after each.

    (B, T, input_size) -> (B, T, output_size) and the state after the last step; output_size is hidden_size for each
    direction. A state is one tensor (B, num_layers * directions, hidden_size), and a second one for the cells of an
    LSTM; its rows are in torch's order. Dropout never touches what goes from one step to the next (Zaremba et al. 2014,
    arXiv:1409.2329). Layer norm is of the outputs: inside the cell it would be lost to cuDNN.

    Raises:
        ArgumentError: an unknown cell, a size below 1, a dropout outside [0, 1).
    """

    def __init__(
        self,
        cell: Cell,
        input_size: Count,
        hidden_size: Count,
        num_layers: Count = 1,
        bidirectional: bool = False,
        dropout: Probability = 0.0,
        layer_norm: bool = False,
    ) -> None:
        super().__init__()
        check(RecurrentLayers, locals(), "model")
        self.num_layers, self.bidirectional = num_layers, bidirectional
        self.output_size = hidden_size * (2 if bidirectional else 1)
        # Torch runs layers without anything of ours between them faster as one.
        depths = [1] * num_layers if layer_norm else [num_layers]
        self.groups, self.norms = nn.ModuleList(), nn.ModuleList()
        for depth in depths:
            within = dropout if depth > 1 else 0.0
            self.groups.append(
                CELLS[cell](
                    input_size, hidden_size, depth, batch_first=True, dropout=within, bidirectional=bidirectional
                )
            )
            self.norms.append(nn.LayerNorm(self.output_size) if layer_norm else nn.Identity())
            input_size = self.output_size
        self.dropout = nn.Dropout(dropout)
        for group in self.groups:
            initialize_cells(group)

    def forward(self, x: Tensor, lengths: Tensor | None = None, state: State | None = None) -> tuple[Tensor, State]:
        """With lengths (B,), the steps behind them are not read, and zero in the output."""
        steps: Tensor | PackedSequence = x
        traced = lengths is not None and torch.compiler.is_exporting()
        if lengths is not None and not traced:
            steps = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        before = [None] * len(self.groups) if state is None else self._of_groups(state)
        after: list[State] = []
        for index, (group, norm) in enumerate(zip(self.groups, self.norms, strict=True)):
            if index:
                steps = _each_step(self.dropout, steps)
            if traced:
                steps, last = unpacked(group, steps, lengths, before[index])
            else:
                steps, last = group(steps, before[index])
            steps = _each_step(norm, steps)
            after.append(last if isinstance(last, tuple) else (last,))
        if isinstance(steps, PackedSequence):
            steps, _ = pad_packed_sequence(steps, batch_first=True)
        elif lengths is not None:
            steps = steps.masked_fill(_places(steps)[..., None] >= lengths[:, None, None], 0.0)
        return steps, tuple(torch.cat(parts).transpose(0, 1) for parts in zip(*after, strict=True))

    def summary(self, state: State) -> Tensor:
        """What the top layer has after its last step, which read backwards is the first one: (B, output_size)."""
        directions = 2 if self.bidirectional else 1
        return self.norms[-1](state[0][:, -directions:].flatten(1))

    def _of_groups(self, state: State) -> list[Tensor | State]:
        """The state of each group as torch wants it: layers first, in one piece, and a tensor where it is one."""
        parts = [part.transpose(0, 1).contiguous().chunk(len(self.groups)) for part in state]
        return [group if len(group) > 1 else group[0] for group in zip(*parts, strict=True)]


def _each_step(function: nn.Module, steps: Tensor | PackedSequence) -> Tensor | PackedSequence:
    """Apply what works on one step at a time, whether the steps are packed or not."""
    return steps._replace(data=function(steps.data)) if isinstance(steps, PackedSequence) else function(steps)


def unpacked(
    cells: nn.RNNBase, x: Tensor, lengths: Tensor, state: State | Tensor | None = None
) -> tuple[Tensor, State]:
    """What ``cells`` make of a packed sequence, without packing: no graph of an exported network can hold that.

    (B, T, input_size), lengths (B,) -> (B, T, output_size), right up to the lengths, and the state, layers first. What
    is read backwards is turned around within its length; the cell of an LSTM is kept from changing behind it by gates
    that a further input, 1 for padding, opens and shuts.
    """
    function = _FUNCTIONS[cells.mode]
    directions = 2 if cells.bidirectional else 1
    places = _places(x)
    real = places < lengths[:, None]  # (B, T)
    turned = torch.where(real, lengths[:, None] - 1 - places, places)
    padding = (~real).to(x.dtype)[..., None]
    ends = (lengths - 1)[:, None, None].expand(-1, 1, cells.hidden_size)
    begin = () if state is None else (state,) if isinstance(state, Tensor) else state
    after: list[State] = []
    for layer in range(cells.num_layers):
        halves = []
        for direction in range(directions):
            suffix = f"l{layer}{'_reverse' * direction}"
            weights = [getattr(cells, f"{name}_{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            steps = x.gather(1, turned[..., None].expand_as(x)) if direction else x
            if cells.mode == "LSTM":
                steps, weights[0] = torch.cat([steps, padding], dim=2), _holding(weights[0])
            place = len(after)
            first = [part[place : place + 1] for part in begin] or [
                x.new_zeros(1, x.shape[0], cells.hidden_size) for _ in range(2 if cells.mode == "LSTM" else 1)
            ]
            hidden = first if cells.mode == "LSTM" else first[0]
            outputs, _, *cell = function(steps, hidden, weights, True, 1, 0.0, False, False, True)
            after.append((outputs.gather(1, ends).transpose(0, 1), *cell))
            if direction:
                outputs = outputs.gather(1, turned[..., None].expand_as(outputs))
            halves.append(outputs)
        x = torch.cat(halves, dim=2)
    return x, tuple(torch.cat(parts) for parts in zip(*after, strict=True))


def _places(steps: Tensor) -> Tensor:
    """The number of each step of (B, T, size), (1, T)."""
    return torch.arange(steps.shape[1], device=steps.device)[None]


_FUNCTIONS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
    "LSTM": torch.lstm,
    "GRU": torch.gru,
}


def _holding(weight: Tensor) -> Tensor:
    """An LSTM's input weights (4H, F) with one input more, (4H, F + 1), which shuts the input gate and opens the forget
    gate: a sigmoid of so much is 0 or 1 exactly."""
    size = len(weight) // 4
    column = torch.cat([weight.new_full((size,), -1e4), weight.new_full((size,), 1e4), weight.new_zeros(2 * size)])
    return torch.cat([weight, column[:, None]], dim=1)


@torch.no_grad()
def initialize_cells(cells: nn.RNNBase) -> None:
    """Set the first weights, gate by gate.

    Recurrent matrices are orthogonal, so that a signal keeps its length from step to step (Saxe et al. 2013,
    arXiv:1312.6120); input matrices are Xavier's (Glorot & Bengio 2010); biases are zero, but an LSTM's forget gate
    begins open, with a bias of 1 (Gers et al. 2000; Jozefowicz et al. 2015).
    """
    for name, parameter in cells.named_parameters():
        gates = parameter.chunk(len(parameter) // cells.hidden_size)
        for gate in gates:
            if name.startswith("weight_hh"):
                init.orthogonal_(gate)
            elif name.startswith("weight_ih"):
                init.xavier_uniform_(gate)
            else:
                init.zeros_(gate)
        if isinstance(cells, nn.LSTM) and name.startswith("bias_ih"):  # torch adds bias_hh to it: one of the two
            _, forget, _, _ = gates
            init.ones_(forget)
