"""Parts of all sequence networks: lengths of padded batches, token embedding, and pooling over time.

A batch of sequences is numbers (B, T, input_size) or tokens (B, T). Token 0 is padding, and occurs only after the last
real token. T is at least 1.
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
    """Raise ArgumentError unless exactly one of the two is given: steps are either numbers or tokens."""
    if (input_size is None) == (vocab_size is None):
        given = "are both null" if input_size is None else f"are {input_size} and {vocab_size}"
        raise ArgumentError(
            f"input_size and vocab_size {given};",
            "a step is input_size numbers or one of vocab_size tokens, and the other is null;",
            "try data=digits_rows.",
        )


def trim(tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Cut a batch (B, T) to its longest sequence; return it with the lengths (B,).

    A sequence without tokens counts as one step of padding, since torch cannot pack a sequence of length 0.
    """
    lengths = (tokens != PADDING).sum(dim=1).clamp(min=1)
    if torch.compiler.is_exporting():  # shapes in an exported graph must not depend on the values of tensors
        return tokens, lengths
    # A batch is padded to the longest text of the data set; without the cut most steps would be computed in vain.
    return tokens[:, : int(lengths.max())], lengths


def real_steps(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """Return a mask (B, T) of steps (B, T, size), true for real steps and false for padding after ``lengths`` (B,)."""
    positions = torch.arange(steps.shape[1], device=steps.device).expand(steps.shape[:2])
    return positions < (steps.shape[1] if lengths is None else lengths.unsqueeze(1))


class TokenEmbedding(nn.Embedding):
    """A vector of unit variance for each token, and zeros for padding. (B, T) -> (B, T, embedding_size).

    The weights have the variance 1 / embedding_size and are multiplied by sqrt(embedding_size) in the forward pass, so
    that the same matrix can be the weight of an output layer (``tie``). Vaswani et al. 2017, arXiv:1706.03762, section
    3.4.
    """

    def __init__(self, vocab_size: int, embedding_size: int) -> None:
        super().__init__(vocab_size, embedding_size, padding_idx=PADDING)

    def reset_parameters(self) -> None:
        # As an output layer needs it: the logit h.e of an h of unit variance then has unit variance as well.
        init.normal_(self.weight, std=self.embedding_dim**-0.5)
        with torch.no_grad():
            self.weight[PADDING].zero_()

    def forward(self, x: Tensor) -> Tensor:
        # Scale the (V, E) table rather than the (B, T, E) result, which usually is larger.
        return F.embedding(x, self.weight * math.sqrt(self.embedding_dim), self.padding_idx)


def tie(head: nn.Linear, embedding: nn.Module | None) -> None:
    """Share the weight of an embedding with an output layer. Press & Wolf 2017, arXiv:1608.05859.

    Raises:
        ArgumentError: there is no embedding, or the number of outputs is not the number of tokens.
    """
    if not isinstance(embedding, TokenEmbedding):
        raise ArgumentError(
            "tied_embeddings is true and vocab_size is null;",
            "the output layer can share an embedding of tokens only, and these sequences consist of numbers;",
            "try model.tied_embeddings=false.",
        )
    if head.out_features != embedding.num_embeddings:
        raise ArgumentError(
            f"tied_embeddings is true, with {head.out_features} outputs for {embedding.num_embeddings} tokens;",
            "the output layer can share the embedding only if it has one output for each token;",
            "try model.tied_embeddings=false.",
        )
    # One parameter under two names: torch counts and updates it once, with the sum of both gradients. As an output the
    # row of padding has a gradient too and does not stay zero, which is harmless: no step reads padding.
    head.weight = embedding.weight


class LastStep(nn.Module):
    """The last real step."""

    def __init__(self, size: int) -> None:
        super().__init__()

    def forward(self, steps: Tensor, real: Tensor) -> Tensor:
        last = real.sum(dim=1) - 1  # (B,)
        return steps[torch.arange(steps.shape[0], device=steps.device), last]


class MeanStep(nn.Module):
    """The mean of the real steps."""

    def __init__(self, size: int) -> None:
        super().__init__()

    def forward(self, steps: Tensor, real: Tensor) -> Tensor:
        # Masked before the sum, not weighted by 0: a NaN or infinity in the padding would become NaN.
        return steps.masked_fill(~real.unsqueeze(2), 0.0).sum(dim=1) / real.sum(dim=1, keepdim=True)  # (B, size)


class AttentionPooling(nn.Module):
    """The mean of the real steps, weighted by the softmax of v·tanh(W h + b), with learned W, b and v.

    The additive score of Bahdanau et al. 2014, arXiv:1409.0473, with a learned v in place of a query: Yang et al. 2016,
    "Hierarchical attention networks for document classification", equations 5 to 7.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(size, size)
        self.score = nn.Linear(size, 1, bias=False)

    def forward(self, steps: Tensor, real: Tensor) -> Tensor:
        scores = self.score(self.hidden(steps).tanh()).squeeze(2)  # (B, T)
        weights = scores.masked_fill(~real, -torch.inf).softmax(dim=1)  # exactly 0 for padding
        return (weights.unsqueeze(1) @ steps).squeeze(1)  # (B, 1, T) @ (B, T, size) -> (B, size)


POOLINGS: dict[str, type[nn.Module]] = {"last": LastStep, "mean": MeanStep, "attention": AttentionPooling}
Pooling: TypeAlias = Annotated[str, OneOf(POOLINGS)]


def pooling_layer(pooling: Pooling, size: int) -> nn.Module:
    """Return a module that maps steps (B, T, size) and a mask of real ones (B, T) to one vector each, (B, size).

    Raises:
        ArgumentError: no pooling has that name.
    """
    check(pooling_layer, locals(), "model")
    return POOLINGS[pooling](size)
