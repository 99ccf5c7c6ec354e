"""What the networks that read sequences share: lengths, the embedding of tokens, and pooling over time.

A sequence is numbers (B, T, input_size), or tokens (B, T) in which 0 is padding and stands only behind the last real
one. Either has at least one step.
"""

from __future__ import annotations

import math
from typing import Annotated, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn import init

from netyard.errors import ArgumentError
from netyard.ranges.bounds import OneOf
from netyard.ranges.signature import check

PADDING = 0


def check_steps(input_size: int | None, vocab_size: int | None) -> None:
    """Raise ArgumentError unless the steps are either numbers or tokens."""
    if (input_size is None) == (vocab_size is None):
        given = "are both null" if input_size is None else f"are {input_size} and {vocab_size}"
        raise ArgumentError(
            f"input_size and vocab_size {given};",
            "a step is input_size numbers or one of vocab_size tokens, and the other is null;",
            "try data=digits_rows.",
        )


def trim(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Cut a batch (B, T) after its longest sequence; returns it with the lengths (B,).

    A sequence without any token counts as one step of padding, for a cell cannot read nothing.
    """
    lengths = (tokens != PADDING).sum(dim=1).clamp(min=1)
    if torch.compiler.is_exporting():  # a graph's shapes may not depend on numbers
        return tokens, lengths
    return tokens[:, : int(lengths.max())], lengths


def real_steps(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """Which of the steps (B, T, size) are not padding: (B, T), true where real; all of them without lengths (B,)."""
    places = torch.arange(steps.shape[1], device=steps.device).expand(steps.shape[:2])
    return places < (steps.shape[1] if lengths is None else lengths.unsqueeze(1))


class TokenEmbedding(nn.Embedding):
    """A vector for each token, of unit variance; padding is the zero vector. (B, T) -> (B, T, embedding_size).

    The table holds values of variance 1 / embedding_size, and what is looked up is scaled back: so the same table also
    serves as the weight of an output layer (``tie``). Vaswani et al. 2017, arXiv:1706.03762, section 3.4.
    """

    def __init__(self, vocab_size: int, embedding_size: int) -> None:
        super().__init__(vocab_size, embedding_size, padding_idx=PADDING)

    def reset_parameters(self) -> None:
        init.normal_(self.weight, std=self.embedding_dim**-0.5)
        with torch.no_grad():
            self.weight[PADDING].zero_()

    def forward(self, x: Tensor) -> Tensor:
        # The table is scaled, which is most often smaller than what is looked up.
        return F.embedding(x, self.weight * math.sqrt(self.embedding_dim), self.padding_idx)


def tie(head: nn.Linear, embedding: nn.Module | None) -> None:
    """Let an output layer score each token by its embedding. Press & Wolf 2017, arXiv:1608.05859.

    Raises:
        ArgumentError: there are no embeddings, or the outputs are not the tokens that are read.
    """
    if not isinstance(embedding, TokenEmbedding):
        raise ArgumentError(
            "tied_embeddings is true and vocab_size is null;",
            "the head can share the embeddings of tokens, and these sequences are of numbers;",
            "try model.tied_embeddings=false.",
        )
    if head.out_features != embedding.num_embeddings:
        raise ArgumentError(
            f"tied_embeddings is true, with {head.out_features} outputs for {embedding.num_embeddings} tokens;",
            "the head can share the embeddings where its outputs are the tokens;",
            "try model.tied_embeddings=false.",
        )
    head.weight = embedding.weight


class LastStep(nn.Module):
    """The last real step."""

    def __init__(self, size: int) -> None:
        super().__init__()

    def forward(self, steps: Tensor, real: Tensor) -> Tensor:
        last = real.sum(dim=1) - 1
        return steps[torch.arange(steps.shape[0], device=steps.device), last]


class MeanStep(nn.Module):
    """The mean of the real steps."""

    def __init__(self, size: int) -> None:
        super().__init__()

    def forward(self, steps: Tensor, real: Tensor) -> Tensor:
        return steps.masked_fill(~real.unsqueeze(2), 0.0).sum(dim=1) / real.sum(dim=1, keepdim=True)


class AttentionPooling(nn.Module):
    """The mean of the real steps, weighted by the softmax of v·tanh(W h + b): what to look at is learned.

    The additive score of Bahdanau et al. 2014, arXiv:1409.0473, with v for a query: Yang et al. 2016, "Hierarchical
    attention networks for document classification", section 2.2.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, steps: Tensor, real: Tensor) -> Tensor:
        scores = self.score(self.hidden(steps).tanh()).squeeze(2)
        weights = scores.masked_fill(~real, -torch.inf).softmax(dim=1)  # (B, T)
        return (weights.unsqueeze(1) @ steps).squeeze(1)


POOLINGS: dict[str, type[nn.Module]] = {"last": LastStep, "mean": MeanStep, "attention": AttentionPooling}
Pooling: TypeAlias = Annotated[str, OneOf(POOLINGS)]


def pooling_layer(pooling: Pooling, size: int) -> nn.Module:
    """A module of steps (B, T, size) and which of them are real (B, T), to one vector a sequence (B, size).

    Raises:
        ArgumentError: no pooling has that name.
    """
    check(pooling_layer, locals(), "model")
    return POOLINGS[pooling](size)
