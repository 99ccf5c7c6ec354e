"""Recurrent layers for padded batches: torch's RNN, LSTM and GRU with one format of the state."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
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
    """Stacked recurrent layers in one direction or both, with dropout between them and layer norm after each.

    (B, T, input_size) -> (B, T, output_size) and the state after the last step; output_size is hidden_size times the
    number of directions. A state is one tensor (B, num_layers * directions, hidden_size), and for an LSTM a second one
    with the cell state; layers and directions are in torch's order. There is no dropout between steps, only between
    layers (Zaremba et al. 2014, arXiv:1409.2329). Layer norm is applied to the outputs: cuDNN has none inside a cell.

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
        # One torch module for all layers is faster than one for each; layer norm between them needs separate ones.
        depths = [1] * num_layers if layer_norm else [num_layers]
        self.groups, self.norms = nn.ModuleList(), nn.ModuleList()
        for depth in depths:
            within = dropout if depth > 1 else 0.0  # torch warns of dropout in a single layer, where it does nothing
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
        """Return outputs and state; steps after ``lengths`` (B,), if given, are not read, and are 0 in the output."""
        steps: Tensor | PackedSequence = x
        if lengths is not None and _is_faster_padded(x) and not torch.compiler.is_compiling():
            lengths = None if bool((lengths == x.shape[1]).all()) else lengths
        padded = lengths is not None and (torch.compiler.is_exporting() or _is_faster_padded(x))
        if lengths is not None and not padded:
            # Packed, so that the reverse direction starts at the last real step instead of in the padding, and the
            # final state is that of the last real step. Torch needs the lengths on the CPU.
            steps = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        before = [None] * len(self.groups) if state is None else self._of_groups(state)
        after: list[State] = []
        for index, (group, norm) in enumerate(zip(self.groups, self.norms, strict=True)):
            if index:  # torch's own dropout is between the layers of one group
                steps = _map_steps(self.dropout, steps)
            if padded:
                steps, last = unpacked(group, steps, lengths, before[index])
            else:
                steps, last = group(steps, before[index])
            steps = _map_steps(norm, steps)
            after.append(last if isinstance(last, tuple) else (last,))
        if isinstance(steps, PackedSequence):
            steps, _ = pad_packed_sequence(steps, batch_first=True)  # (B, T, output_size)
        elif lengths is not None:
            steps = steps.masked_fill(_positions(steps)[..., None] >= lengths[:, None, None], 0.0)
        # Torch's states have the layers first; batch first lets samples be selected as in all other tensors.
        return steps, tuple(torch.cat(parts).transpose(0, 1) for parts in zip(*after, strict=True))

    def summary(self, state: State) -> Tensor:
        """Return the top layer's final state of each direction, (B, output_size); backwards it is at the first step."""
        directions = 2 if self.bidirectional else 1
        return self.norms[-1](state[0][:, -directions:].flatten(1))

    def _of_groups(self, state: State) -> list[Tensor | State]:
        """Return the state of each group in torch's format: layers first, contiguous, one tensor or a pair."""
        parts = [part.transpose(0, 1).contiguous().chunk(len(self.groups)) for part in state]
        return [group if len(group) > 1 else group[0] for group in zip(*parts, strict=True)]


def _is_faster_padded(x: Tensor) -> bool:
    """Whether padded steps are computed faster than packed ones, which torch computes step by step on the CPU.

    Measured for 32 texts of 280 to 382 tokens, forwards and backwards: 1.9 s packed, 0.05 s padded for an LSTM.
    """
    # Under autocast torch converts the weights of modules only, not those that ``unpacked`` passes.
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def _map_steps(function: nn.Module, steps: Tensor | PackedSequence) -> Tensor | PackedSequence:
    """Apply a module to each step, of a tensor or of a packed sequence."""
    return steps._replace(data=function(steps.data)) if isinstance(steps, PackedSequence) else function(steps)


def unpacked(
    cells: nn.RNNBase, x: Tensor, lengths: Tensor, state: State | Tensor | None = None
) -> tuple[Tensor, State]:
    """Compute what ``cells`` return for a packed sequence, but without packing, which cannot be exported to a graph.

    On the CPU it is also much faster.

    (B, T, input_size), lengths (B,) -> (B, T, output_size), correct up to the lengths, and the state, layers first.
    For the reverse direction each sequence is reversed within its length. To keep the cell state of an LSTM unchanged
    in the padding, one more input, which is 1 there, closes the input gate and opens the forget gate.
    """
    function = _FUNCTIONS[cells.mode]
    directions = 2 if cells.bidirectional else 1
    positions = _positions(x)
    real = positions < lengths[:, None]  # (B, T)
    # Its own inverse: gathering twice restores the order, so outputs are reversed back by the same indices.
    reverse = torch.where(real, lengths[:, None] - 1 - positions, positions)
    padding = (~real).to(x.dtype)[..., None]  # (B, T, 1)
    ends = (lengths - 1)[:, None, None].expand(-1, 1, cells.hidden_size)  # (B, 1, H)
    initial = () if state is None else (state,) if isinstance(state, Tensor) else state
    after: list[State] = []
    for layer in range(cells.num_layers):
        if layer and cells.dropout and cells.training:
            x = F.dropout(x, cells.dropout)
        by_direction = []
        for direction in range(directions):
            suffix = f"l{layer}{'_reverse' * direction}"
            weights = [getattr(cells, f"{name}_{suffix}") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
            steps = x.gather(1, reverse[..., None].expand_as(x)) if direction else x
            if cells.mode == "LSTM":
                steps, weights[0] = torch.cat([steps, padding], dim=2), _with_padding_input(weights[0])
            row = len(after)  # of this layer and direction in the state
            first = [part[row : row + 1] for part in initial] or [
                x.new_zeros(1, x.shape[0], cells.hidden_size) for _ in range(2 if cells.mode == "LSTM" else 1)
            ]
            hidden = first if cells.mode == "LSTM" else first[0]
            # Positional: has_biases, num_layers, dropout, train, bidirectional, batch_first.
            outputs, _, *cell = function(steps, hidden, weights, True, 1, 0.0, False, False, True)
            # The final hidden state is the output of the last real step. The cell state is not among the outputs, so it
            # has to pass the padding unchanged.
            after.append((outputs.gather(1, ends).transpose(0, 1), *cell))
            if direction:
                outputs = outputs.gather(1, reverse[..., None].expand_as(outputs))
            by_direction.append(outputs)
        x = torch.cat(by_direction, dim=2)  # (B, T, directions * H)
    return x, tuple(torch.cat(parts) for parts in zip(*after, strict=True))


def _positions(steps: Tensor) -> Tensor:
    """Return the positions 0 to T - 1 of the steps (B, T, size), as (1, T)."""
    return torch.arange(steps.shape[1], device=steps.device)[None]


_FUNCTIONS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
    "LSTM": torch.lstm,
    "GRU": torch.gru,
}


def _with_padding_input(weight: Tensor) -> Tensor:
    """Add an input to an LSTM's weights, (4H, F) -> (4H, F + 1), that closes the input gate and opens the forget gate.

    The sigmoid of -10,000 and of 10,000 is exactly 0 and 1.
    """
    size = len(weight) // 4  # the rows are in torch's order: input gate, forget gate, cell candidate, output gate
    column = torch.cat([weight.new_full((size,), -1e4), weight.new_full((size,), 1e4), weight.new_zeros(2 * size)])
    return torch.cat([weight, column[:, None]], dim=1)


@torch.no_grad()
def initialize_cells(cells: nn.RNNBase) -> None:
    """Initialise the weights, gate by gate.

    Recurrent matrices are orthogonal, so that a signal keeps its norm from step to step (Saxe et al. 2013,
    arXiv:1312.6120); input matrices are initialised as in Glorot & Bengio 2010; biases are zero, except that of an
    LSTM's forget gate: it is 1, so that the cell remembers from the start (Gers et al. 2000; Jozefowicz et al. 2015).
    """
    for name, parameter in cells.named_parameters():
        # Torch stacks the gates in one matrix, 4 of an LSTM, 3 of a GRU; as one its fan-out would be too large.
        gates = parameter.chunk(len(parameter) // cells.hidden_size)
        for gate in gates:
            if name.startswith("weight_hh"):
                init.orthogonal_(gate)
            elif name.startswith("weight_ih"):
                init.xavier_uniform_(gate)
            else:
                init.zeros_(gate)
        if isinstance(cells, nn.LSTM) and name.startswith("bias_ih"):  # torch adds bias_hh to it, so only one is 1
            _, forget, _, _ = gates
            init.ones_(forget)
