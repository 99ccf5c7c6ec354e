"""A small causal transformer for sequences of numbers or of tokens, for comparison with recurrent networks."""

from __future__ import annotations

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import init

from netyard.errors import ArgumentError
from netyard.layers.sequences import Pooling, TokenEmbedding, check_steps, pooling_layer, real_steps, tie, trim
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, OneOf, Probability
from netyard.ranges.signature import check


class LearnedPositions(nn.Embedding):
    """Adds a learned vector for each position of a sequence: (B, T, size) -> (B, T, size)."""

    def reset_parameters(self) -> None:
        init.normal_(self.weight, std=0.5**0.5)  # the mean square of a sine, so that both kinds start alike

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines with wavelengths from 2π to 20,000π steps: (B, T, size) -> (B, T, size).

    Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """

    table: Tensor

    def __init__(self, max_length: int, size: int) -> None:
        super().__init__()
        position = torch.arange(max_length).unsqueeze(1)
        frequency = torch.exp(torch.arange(0, size, 2) * (-math.log(10_000.0) / size))  # 10000^(-2i / size)
        angle = position * frequency  # (max_length, ceil(size / 2))
        waves = torch.stack([angle.sin(), angle.cos()], dim=2)
        # Sine and cosine alternate; an odd size drops the last cosine. Not in checkpoints: it has no learned values.
        self.register_buffer("table", waves.flatten(1)[:, :size], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table[: x.shape[1]]


POSITIONS: dict[str, type[nn.Module]] = {"learned": LearnedPositions, "sinusoidal": SinusoidalPositions}


class Transformer(nn.Module):
    """Embedding and positions, pre-norm blocks of causal attention and GELU, layer norm, and a linear output layer.

    ``forward``: (B, T, input_size) numbers or (B, T) tokens -> (B, num_outputs), one output for each sequence, from its
    last step, the mean of its steps, or attention over them. ``unroll`` returns an output for each step. Vaswani et al.
    2017, arXiv:1706.03762; layer norm at the start of each block as in Xiong et al. 2020, arXiv:2002.04745.

    A step attends to itself and to earlier steps. Padding is after all real steps, so that these never attend to it.

    Args:
        input_size: number of values in each step, or null.
        vocab_size: number of tokens, padding included, or null. Exactly one of the two is given.
        max_length: the largest number of steps it can attend to.
        hidden_size: of the vector of a step; the feed-forward layers have four times as many units.
        num_heads: of the attention; must divide hidden_size.
        dropout: of the vectors of steps, and inside the blocks.
        tied_embeddings: share the weight of the embedding with the output layer.
        positions: ``learned`` or ``sinusoidal``.
        pooling: ``last``, ``mean`` or ``attention``.

    Raises:
        ArgumentError: a size below 1, a dropout outside [0, 1), a hidden_size that num_heads does not divide, an
            unknown pooling or positions, both or neither of input_size and vocab_size, tied embeddings if the outputs
            are not the tokens.
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
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(Transformer, locals(), "model")
        check_steps(input_size, vocab_size)
        if hidden_size % num_heads:
            raise ArgumentError(
                f"hidden_size is {hidden_size} and num_heads {num_heads};",
                "num_heads must divide hidden_size, as each head gets an equal share;",
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
        # With the norm at the start of each block the sum of all blocks is not normalised; this one does it.
        self.norm = nn.LayerNorm(hidden_size)
        self.pool = pooling_layer(pooling, hidden_size)
        self.head = nn.Linear(hidden_size, num_outputs)
        if tied_embeddings:
            tie(self.head, self.embedding)
        load_pretrained(self, pretrained)

    def forward(self, x: Tensor) -> Tensor:
        lengths = None
        if isinstance(self.embedding, TokenEmbedding):
            x, lengths = trim(x)
        if x.shape[1] > self.max_length:
            raise ArgumentError(
                f"the sequence has {x.shape[1]} steps;",
                f"the transformer can attend to max_length={self.max_length} of them;",
                f"try model.max_length={x.shape[1]}.",
            )
        steps = self._encode(x)  # (B, T, hidden_size)
        return self.head(self.pool(steps, real_steps(steps, lengths)))

    def unroll(self, x: Tensor, state: tuple[Tensor, ...] | None = None) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return an output for each step, (B, T, num_outputs), and the state to pass to the next call.

        The state is the last ``max_length`` steps of the input. With a chunk of that length nothing earlier is attended
        to; a longer one is processed in several chunks.
        """
        read = x[:, :0] if state is None else state[0]
        outputs = []
        # Without a split if x is short enough: a split would fix the number of chunks, and the length, in an exported
        # graph.
        for chunk in x.split(self.max_length, dim=1) if x.shape[1] > self.max_length else (x,):
            # Earlier steps are computed again, as there is no cache of keys and values: simple, and short here.
            read = torch.cat([read, chunk], dim=1)[:, -self.max_length :]
            outputs.append(self.head(self._encode(read)[:, -chunk.shape[1] :]))
        return torch.cat(outputs, dim=1), (read,)

    def _encode(self, x: Tensor) -> Tensor:
        """(B, T, input_size) or (B, T) -> (B, T, hidden_size), where each step depends on itself and earlier ones."""
        steps = self.dropout(self.positions(self.embedding(x)))
        # (T, T), -inf above the diagonal; is_causal alone is only a hint to torch, which needs the mask as well.
        later = nn.Transformer.generate_square_subsequent_mask(x.shape[1], device=steps.device, dtype=steps.dtype)
        for block in self.blocks:
            steps = block(steps, src_mask=later, is_causal=True)
        return self.norm(steps)
