"""Sequence to sequence: an encoder reads the source, a decoder writes the target and looks back by attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.recurrent import Cell, RecurrentLayers, State
from netyard.layers.sequences import TokenEmbedding, real_steps, trim
from netyard.ranges.bounds import Count, Probability
from netyard.ranges.signature import check


class Attention(nn.Module):
    """Global attention with the general score: tanh(W_c [c; h]), c the mean of the memory weighted by softmax(h·W_a m).

    (B, T, size) decoder outputs, (B, S, size) memory -> (B, T, size). Luong, Pham & Manning 2015, arXiv:1508.04025,
    section 3.1. All target steps at once: what it returns is not fed into the next step (their section 3.3).
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size, bias=False)  # W_a
        self.combine = nn.Linear(2 * size, size, bias=False)  # W_c

    def forward(self, h: Tensor, memory: Tensor, real: Tensor) -> Tensor:
        scores = self.query(h) @ memory.mT  # (B, T, S)
        weights = scores.masked_fill(~real.unsqueeze(1), -torch.inf).softmax(dim=2)
        return self.combine(torch.cat([weights @ memory, h], dim=2)).tanh()


class Seq2Seq(nn.Module):
    """A bidirectional encoder, and a decoder that begins in the encoder's last state and attends to its outputs.

    (B, S) source tokens and (B, T) target tokens, each target behind the start token -> (B, T, num_outputs) logits of
    the token that comes next. Sutskever, Vinyals & Le 2014, arXiv:1409.3215; Luong, Pham & Manning 2015.

    Each direction of the encoder has half of ``hidden_size``, so that both together are what the decoder begins with.

    Args:
        num_outputs: the target's tokens, padding included.
        vocab_size: the source's.
        cell: ``rnn_tanh``, ``rnn_relu``, ``lstm`` or ``gru``, of encoder and decoder.
        embedding_size: of a token's vector, on either side.
        dropout: on the embeddings, between layers, and before the head.

    Raises:
        ArgumentError: a source that is no tokens, a size below 1, an odd hidden_size, a dropout outside [0, 1), an
            unknown cell.
    """

    def __init__(
        self,
        num_outputs: Count,
        vocab_size: Count | None,
        cell: Cell = "gru",
        embedding_size: Count = 64,
        hidden_size: Count = 128,
        num_layers: Count = 1,
        dropout: Probability = 0.0,
    ) -> None:
        super().__init__()
        check(Seq2Seq, locals(), "model")
        if vocab_size is None:
            raise ArgumentError(
                "vocab_size is null;",
                "a source and its target are tokens, and these sequences are of numbers;",
                "try data=number_words.",
            )
        if hidden_size % 2:
            raise ArgumentError(
                f"hidden_size is {hidden_size};",
                "each direction of the encoder has half of it, so it must be even;",
                f"try model.hidden_size={hidden_size + 1}.",
            )
        self.source_embedding = TokenEmbedding(vocab_size, embedding_size)
        self.encoder = RecurrentLayers(
            cell, embedding_size, hidden_size // 2, num_layers, bidirectional=True, dropout=dropout
        )
        self.target_embedding = TokenEmbedding(num_outputs, embedding_size)
        self.decoder = RecurrentLayers(cell, embedding_size, hidden_size, num_layers, dropout=dropout)
        self.attention = Attention(hidden_size)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden_size, num_outputs)

    def forward(self, source: Tensor, tokens: Tensor) -> Tensor:
        """Logits (B, T, num_outputs) of what follows each of the target's tokens (B, T), all of them given."""
        return self.decode(self.encode(source), tokens)[0]

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        """The memory of a source (B, S): the encoder's outputs, their lengths, and the decoder's first state."""
        source, lengths = trim(source)
        outputs, state = self.encoder(self.dropout(self.source_embedding(source)), lengths)
        # Of each layer the two directions, side by side: (B, num_layers * 2, size / 2) -> (B, num_layers, size).
        first = (part.unflatten(1, (-1, 2)).flatten(2) for part in state)
        return outputs, lengths, *first

    def decode(self, memory: tuple[Tensor, ...], tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Logits (B, T, num_outputs) of what follows each token, and the state from which the next call goes on."""
        source, lengths, *first = memory
        steps = self.dropout(self.target_embedding(tokens))
        outputs, state = self.decoder(steps, state=tuple(first) if state is None else state)
        attended = self.attention(outputs, source, real_steps(source, lengths))
        return self.head(self.dropout(attended)), state
