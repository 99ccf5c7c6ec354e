"""Recurrent networks: RNN, LSTM and GRU over sequences of numbers or of tokens."""

from __future__ import annotations

from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.recurrent import Cell, RecurrentLayers, State
from netyard.layers.sequences import Pooling, TokenEmbedding, check_steps, pooling_layer, real_steps, tie, trim
from netyard.ranges.bounds import Count, Probability
from netyard.ranges.signature import check


class Recurrent(nn.Module):
    """Tokens are embedded, cells read the steps, and a linear head reads the cells.

    Called, (B, T, input_size) numbers or (B, T) tokens -> (B, num_outputs): one output for a sequence, from its last
    state (of both ends, if ``bidirectional``), the mean of its steps, or attention over them. ``unroll`` gives one for
    each step instead. Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014, arXiv:1406.1078.

    Args:
        input_size: numbers in a step, or null.
        vocab_size: tokens there are, padding included, or null. One of the two is given.
        cell: ``rnn_tanh``, ``rnn_relu``, ``lstm`` or ``gru``.
        embedding_size: of a token's vector; numbers go into the cells as they are.
        dropout: between layers, and before the head.
        embedding_dropout: on the tokens' vectors.
        layer_norm: of each layer's outputs.
        tied_embeddings: let the head share the embeddings' weight, behind a projection to their size if need be.
        pooling: ``last``, ``mean`` or ``attention``.

    Raises:
        ArgumentError: a size below 1, a dropout outside [0, 1), an unknown cell or pooling, both or neither of
            input_size and vocab_size, token settings for numbers, tied embeddings where the outputs are no tokens.
    """

    def __init__(
        self,
        num_outputs: Count,
        input_size: Count | None,
        vocab_size: Count | None,
        cell: Cell = "lstm",
        embedding_size: Count = 64,
        hidden_size: Count = 128,
        num_layers: Count = 1,
        bidirectional: bool = False,
        dropout: Probability = 0.0,
        embedding_dropout: Probability = 0.0,
        layer_norm: bool = False,
        tied_embeddings: bool = False,
        pooling: Pooling = "last",
    ) -> None:
        super().__init__()
        check(Recurrent, locals(), "model")
        check_steps(input_size, vocab_size)
        _check_embedding_dropout(embedding_dropout, vocab_size)
        self.embedding = TokenEmbedding(vocab_size, embedding_size) if vocab_size else None
        self.embedding_dropout = nn.Dropout(embedding_dropout)
        self.layers = RecurrentLayers(
            cell, input_size or embedding_size, hidden_size, num_layers, bidirectional, dropout, layer_norm
        )
        size = self.layers.output_size
        self.pooling = pooling
        self.pool = pooling_layer(pooling, size)
        self.dropout = nn.Dropout(dropout)
        self.projection: nn.Module = nn.Identity()
        if tied_embeddings and size != embedding_size:
            self.projection, size = nn.Linear(size, embedding_size), embedding_size
        self.head = nn.Linear(size, num_outputs)
        if tied_embeddings:
            tie(self.head, self.embedding)

    def forward(self, x: Tensor) -> Tensor:
        lengths = None
        if self.embedding is not None:
            x, lengths = trim(x)
        outputs, state = self.layers(self._vectors(x), lengths)
        if self.pooling == "last":  # not the last output: what is read backwards ends at the first step
            return self._answers(self.layers.summary(state))
        return self._answers(self.pool(outputs, real_steps(outputs, lengths)))

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """An output after each step, (B, T, num_outputs), and the state from which the next call goes on.

        Raises:
            ArgumentError: the net reads backwards too.
        """
        if self.layers.bidirectional:
            raise ArgumentError(
                "bidirectional is true;",
                "an output after each step may depend on the steps before it only, and reading backwards begins with"
                " the last;",
                "try model.bidirectional=false.",
            )
        outputs, state = self.layers(self._vectors(x), state=state)
        return self._answers(outputs), state

    def _vectors(self, x: Tensor) -> Tensor:
        return x if self.embedding is None else self.embedding_dropout(self.embedding(x))

    def _answers(self, x: Tensor) -> Tensor:
        return self.head(self.projection(self.dropout(x)))


def _check_embedding_dropout(embedding_dropout: float, vocab_size: int | None) -> None:
    if embedding_dropout and vocab_size is None:
        raise ArgumentError(
            f"embedding_dropout is {embedding_dropout} and vocab_size is null;",
            "only tokens have embeddings, and these sequences are of numbers;",
            "try model.embedding_dropout=0.",
        )
