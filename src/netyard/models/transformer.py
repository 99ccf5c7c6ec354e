"""A small causal transformer over sequences of numbers or of tokens, to compare recurrent networks with."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import init

from netyard.errors import ArgumentError
from netyard.layers.sequences import Pooling, TokenEmbedding, check_steps, pooling_layer, real_steps, tie, trim
from netyard.ranges.bounds import Count, OneOf, Probability
from netyard.ranges.signature import check


class LearnedPositions(nn.Embedding):
    """Adds a learned vector to each place of a sequence: (B, T, size) -> (B, T, size)."""

    def reset_parameters(self) -> None:
        init.normal_(self.weight, std=0.5**0.5)  # the variance of the sinusoids

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines, from a wavelength of 2π steps to one of 20,000π: (B, T, size) -> (B, T, size).

    Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """

    table: Tensor

    def __init__(self, max_length: int, size: int) -> None:
        super().__init__()
        place = torch.arange(max_length).unsqueeze(1)
        frequency = torch.exp(torch.arange(0, size, 2) * (-math.log(10_000.0) / size))
        waves = torch.stack([(place * frequency).sin(), (place * frequency).cos()], dim=2)  # (max_length, size / 2, 2)
        self.register_buffer("table", waves.flatten(1)[:, :size], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


POSITIONS: dict[str, type[nn.Module]] = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}


class Transformer(nn.Module):
    """Vectors of the steps and of their places, pre-norm blocks of causal attention and GELU, a norm, a linear head.

    Called, (B, T, input_size) numbers or (B, T) tokens -> (B, num_outputs): one output for a sequence, from its last
    step, the mean of its steps, or attention over them. ``unroll`` gives one for each step instead. Vaswani et al.
    2017, arXiv:1706.03762; the norm before each block as in Xiong et al. 2020, arXiv:2002.04745.

    A step attends to itself and the steps before it. Padding stands behind every real step, so none attends to it.

    Args:
        input_size: numbers in a step, or null.
        vocab_size: tokens there are, padding included, or null. One of the two is given.
        max_length: the most steps it can look at.
        hidden_size: of a step's vector; four times as many inside a block.
        num_heads: of the attention; divides hidden_size.
        dropout: on the steps' vectors, and inside the blocks.
        tied_embeddings: let the head share the embeddings' weight.
        positions: ``learned`` or ``sinusoidal``.
        pooling: ``last``, ``mean`` or ``attention``.

    Raises:
        ArgumentError: a size below 1, a dropout outside [0, 1), heads that do not divide hidden_size, an unknown
            pooling or positions, both or neither of input_size and vocab_size, tied embeddings where the outputs are
            no tokens.
    """

    def __init__(
        self,
        num_outputs: Count,
        input_size: Count | None,
        vocab_size: Count | None,
        max_length: Count,
        hidden_size: Count = 128,
        num_heads: Count = 4,
        num_layers: Count = 2,
        dropout: Probability = 0.0,
        tied_embeddings: bool = False,
        positions: Annotated[str, OneOf(POSITIONS)] = "learned",
        pooling: Pooling = "last",
    ) -> None:
        super().__init__()
        check(Transformer, locals(), "model")
        check_steps(input_size, vocab_size)
        if hidden_size % num_heads:
            raise ArgumentError(
                f"hidden_size is {hidden_size} and num_heads {num_heads};",
                "the heads share the hidden size evenly;",
                f"try model.hidden_size={-(-hidden_size // num_heads) * num_heads}.",
            )
        self.max_length = max_length
        self.embedding = TokenEmbedding(vocab_size, hidden_size) if vocab_size else nn.Linear(input_size, hidden_size)
        self.positions = POSITIONS[positions](max_length, hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                hidden_size, num_heads, 4 * hidden_size, dropout, "gelu", batch_first=True, norm_first=True
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)
        self.pool = pooling_layer(pooling, hidden_size)
        self.head = nn.Linear(hidden_size, num_outputs)
        if tied_embeddings:
            tie(self.head, self.embedding)

    def forward(self, x: Tensor) -> Tensor:
        lengths = None
        if isinstance(self.embedding, TokenEmbedding):
            x, lengths = trim(x)
        if x.shape[1] > self.max_length:
            raise ArgumentError(
                f"the sequence has {x.shape[1]} steps;",
                f"the transformer can look at max_length={self.max_length} of them;",
                f"try model.max_length={x.shape[1]}.",
            )
        steps = self._steps(x)
        return self.head(self.pool(steps, real_steps(steps, lengths)))

    def unroll(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """An output after each step, (B, T, num_outputs), and the state from which the next call goes on.

        The state is what was read, as far back as ``max_length`` steps. A chunk as long as that leaves no room for what
        came before it; a longer one is read in several.
        """
        read = x[:, :0] if state is None else state[0]
        outputs = []
        # Not split where there is nothing to split: an exported graph has one piece for texts of any length that fits.
        for chunk in x.split(self.max_length, dim=1) if x.shape[1] > self.max_length else (x,):
            read = torch.cat([read, chunk], dim=1)[:, -self.max_length :]
            outputs.append(self.head(self._steps(read)[:, -chunk.shape[1] :]))
        return torch.cat(outputs, dim=1), (read,)

    def _steps(self, x: Tensor) -> Tensor:
        """(B, T, input_size) or (B, T) -> (B, T, hidden_size), of which each step knows those before it."""
        steps = self.dropout(self.positions(self.embedding(x)))
        later = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=steps.device, dtype=steps.dtype)
        for block in self.blocks:
            steps = block(steps, src_mask=later, is_causal=True)
        return self.norm(steps)
