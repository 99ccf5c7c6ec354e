"""Recurrent networks: RNN, LSTM and GRU for sequences of numbers or of tokens."""

from __future__ import annotations

from torch import Tensor, nn

from netyard.errors import ArgumentError
from netyard.layers.recurrent import Cell, RecurrentLayers, State
from netyard.layers.sequences import Pooling, TokenEmbedding, check_steps, pooling_layer, real_steps, tie, trim
from netyard.models.weight_files import load_pretrained
from netyard.ranges.bounds import Count, Probability
from netyard.ranges.signature import check


class Recurrent(nn.Module):
    """A token embedding, recurrent layers, and a linear output layer.

    ``forward``: (B, T, input_size) numbers or (B, T) tokens -> (B, num_outputs), one output for each sequence, from its
    final state (of both directions, if ``bidirectional``), the mean of its steps, or attention over them. ``unroll``
    returns an output for each step. Elman 1990; Hochreiter & Schmidhuber 1997; Cho et al. 2014, arXiv:1406.1078.

    Args:
        input_size: number of values in each step, or null.
        vocab_size: number of tokens, padding included, or null. Exactly one of the two is given.
        cell: ``rnn_tanh``, ``rnn_relu``, ``lstm`` or ``gru``.
        embedding_size: of the vector of a token; numbers are not embedded.
        dropout: between layers, and before the output layer.
        embedding_dropout: of the vectors of tokens.
        layer_norm: of the outputs of each layer.
        tied_embeddings: share the weight of the embedding with the output layer, after a projection if sizes differ.
        pooling: ``last``, ``mean`` or ``attention``.

    Raises:
        ArgumentError: a size below 1, a dropout outside [0, 1), an unknown cell or pooling, both or neither of
            input_size and vocab_size, token settings for numbers, tied embeddings if the outputs are not the tokens.
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
        pretrained: str | None = None,
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
        # The shared weight is (vocab_size, embedding_size), so that the output layer reads vectors of that size.
        if tied_embeddings and size != embedding_size:
            self.projection, size = nn.Linear(size, embedding_size), embedding_size
        self.head = nn.Linear(size, num_outputs)
        if tied_embeddings:
            tie(self.head, self.embedding)
        load_pretrained(self, pretrained)

    def forward(self, x: Tensor) -> Tensor:
        lengths = None
        if self.embedding is not None:
            x, lengths = trim(x)
        outputs, state = self.layers(self._embed(x), lengths)  # (B, T, size)
        if self.pooling == "last":  # not the last output: the reverse direction has read one step only there
            return self._output(self.layers.summary(state))
        return self._output(self.pool(outputs, real_steps(outputs, lengths)))

    def unroll(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Return an output for each step, (B, T, num_outputs), and the state to pass to the next call.

        Raises:
            ArgumentError: the network is bidirectional.
        """
        if self.layers.bidirectional:
            raise ArgumentError(
                "bidirectional is true;",
                "the output of a step must depend on earlier steps only, and the reverse direction starts at the last"
                " one;",
                "try model.bidirectional=false.",
            )
        # Without lengths: texts to learn from, and those being generated, have no padding.
        outputs, state = self.layers(self._embed(x), state=state)
        return self._output(outputs), state

    def _embed(self, x: Tensor) -> Tensor:
        return x if self.embedding is None else self.embedding_dropout(self.embedding(x))  # (B, T, embedding_size)

    def _output(self, x: Tensor) -> Tensor:
        return self.head(self.projection(self.dropout(x)))


def _check_embedding_dropout(embedding_dropout: float, vocab_size: int | None) -> None:
    if embedding_dropout and vocab_size is None:
        raise ArgumentError(
            f"embedding_dropout is {embedding_dropout} and vocab_size is null;",
            "only tokens have embeddings, and these sequences consist of numbers;",
            "try model.embedding_dropout=0.",
        )
