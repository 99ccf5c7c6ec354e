"""Sequence to sequence: an encoder of the source, and a decoder of the target with attention to the source."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.recurrent import Cell, RecurrentLayers, State
from netyard.layers.sequences import TokenEmbedding, real_steps, trim
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, Probability
from netyard.ranges.signature import check


class Attention(nn.Module):
    """Global attention with the general score: tanh(W_c [c; h]), where c is the mean of m weighted by softmax(h·W_a m).

    (B, T, size) decoder outputs h, (B, S, size) memory m -> (B, T, size). Luong, Pham & Manning 2015, arXiv:1508.04025,
    section 3.1. All target steps are computed at once, without their input feeding (section 3.3).
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.query = nn.Linear(size, size, bias=False)  # W_a
        self.combine = nn.Linear(2 * size, size, bias=False)  # W_c

    def forward(self, h: Tensor, memory: Tensor, real: Tensor) -> Tensor:
        scores = self.query(h) @ memory.mT  # (B, T, S), eq. 8
        # exp(-inf) is 0: padding gets no weight. Each source has one step at least, so that no row is all -inf.
        weights = scores.masked_fill(~real.unsqueeze(1), -torch.inf).softmax(dim=2)
        return self.combine(torch.cat([weights @ memory, h], dim=2)).tanh()  # eq. 5: (B, T, 2 * size) -> (B, T, size)


class Seq2Seq(nn.Module):
    """A bidirectional encoder, and a decoder that starts from the encoder's final state and attends to its outputs.

    (B, S) source tokens and (B, T) target tokens, after a start token -> (B, T, num_outputs) logits of the next token.
    Sutskever, Vinyals & Le 2014, arXiv:1409.3215; Luong, Pham & Manning 2015.

    Each direction of the encoder has half of ``hidden_size``; both together are the initial state of the decoder.

    Args:
        num_outputs: number of tokens of the target language, padding included.
        vocab_size: number of tokens of the source language.
        cell: ``rnn_tanh``, ``rnn_relu``, ``lstm`` or ``gru``, of encoder and decoder.
        embedding_size: of the vector of a token, in both languages.
        dropout: of the embeddings, between layers, and before the output layer.

    Raises:
        ArgumentError: a source that does not consist of tokens, a size below 1, an odd hidden_size, a dropout outside
            [0, 1), an unknown cell.
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
        pretrained: str | None = None,
    ) -> None:
        super().__init__()
        check(Seq2Seq, locals(), "model")
        if vocab_size is None:
            raise ArgumentError(
                "vocab_size is null;",
                "source and target must be tokens, and these sequences consist of numbers;",
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
        load_pretrained(self, pretrained)

    def forward(self, source: Tensor, tokens: Tensor) -> Tensor:
        """Return logits (B, T, num_outputs) of the token after each of the given target tokens (B, T)."""
        # Teacher forcing: the inputs are the true tokens, so that all steps can be computed in one call.
        return self.decode(self.encode(source), tokens)[0]

    def encode(self, source: Tensor) -> tuple[Tensor, ...]:
        """Encode a source (B, S): return the encoder's outputs, their lengths, and the decoder's initial state."""
        source, lengths = trim(source)
        outputs, state = self.encoder(self.dropout(self.source_embedding(source)), lengths)
        # Concatenate the two directions of each layer: (B, num_layers * 2, size / 2) -> (B, num_layers, size).
        first = (part.unflatten(1, (-1, 2)).flatten(2) for part in state)
        return outputs, lengths, *first

    def decode(self, memory: tuple[Tensor, ...], tokens: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return logits (B, T, num_outputs) of the token after each one, and the state to pass to the next call."""
        source, lengths, *first = (
            memory  # a flat tuple of tensors, all batch first, so that beam search can repeat rows
        )
        steps = self.dropout(self.target_embedding(tokens))
        outputs, state = self.decoder(steps, state=tuple(first) if state is None else state)
        attended = self.attention(outputs, source, real_steps(source, lengths))
        return self.head(self.dropout(attended)), state
