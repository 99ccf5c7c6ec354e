"""Decoding of sequences from a net's logits: sampling, greedy decoding, beam search.

Pure functions. A ``Step`` takes the last tokens (B, 1) and the state, and returns the logits (B, 1, V) of the next ones
and the new state: a tuple of tensors whose first dimension is the batch. The first call gets the state ``None``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from netyard.errors import ArgumentError
from netyard.ranges.bounds import Index, NotNegative
from netyard.ranges.signature import check
from netyard.tasks.parts.tokens import PADDING

State = tuple[Tensor, ...]
Step = Callable[[Tensor, State | None], tuple[Tensor, State | None]]


class Beams(NamedTuple):
    """The result of a beam search, the best sequence first."""

    tokens: Tensor  # (B, K, T), up to the end token, then padding
    scores: Tensor  # (B, K), log-probability over length penalty; -inf if there are fewer than K sequences


def sample(
    logits: Tensor, temperature: NotNegative = 1.0, top_k: Index = 0, generator: torch.Generator | None = None
) -> Tensor:
    """Sample a token from each row of logits: (B, V) -> (B,).

    Logits are divided by the temperature (Ackley, Hinton & Sejnowski 1985): below 1 likely tokens become likelier, 0
    takes the likeliest. ``top_k`` samples from the k likeliest only (Fan, Lewis & Dauphin 2018), 0 from all.

    Raises:
        ArgumentError: the temperature is below 0 or not finite; top_k is below 0 or above V.
    """
    check(sample, locals())
    check_top_k(top_k, logits.shape[1])
    if temperature == 0:  # the limit of the softmax, which itself would divide by 0
        return logits.argmax(dim=1)
    # Subtracting the maximum first, in float64, makes every quotient at most 0: exp cannot overflow at any temperature.
    scaled = logits.double()
    scaled = (scaled - scaled.amax(dim=1, keepdim=True)) / temperature
    if top_k:
        # By indices, not by "logit >= the k-th": equal logits would let more than k tokens through.
        kept = scaled.topk(top_k, dim=1).indices  # (B, k)
        scaled = torch.full_like(scaled, -math.inf).scatter(1, kept, scaled.gather(1, kept))
    return torch.multinomial(scaled.softmax(dim=1), 1, generator=generator).squeeze(1)


def check_top_k(top_k: int, vocab_size: int) -> None:
    """Raise ArgumentError if ``top_k`` is larger than the vocabulary."""
    if top_k > vocab_size:
        raise ArgumentError(
            f"top_k is {top_k};",
            f"it must be at most {vocab_size}, the size of the vocabulary;",
            f"try top_k={min(10, vocab_size)}.",
        )


def greedy(step: Step, start: Tensor, end_token: int, max_length: int, state: State | None = None) -> Tensor:
    """Decode the likeliest token at every step: first inputs (B,) -> (B, T), up to the end token, then padding.

    Stops when every sequence has ended, or at ``max_length`` tokens, the end token included.
    """
    tokens, decoded = start, []
    ended = torch.zeros_like(start, dtype=torch.bool)
    for _ in range(max_length):
        logits, state = step(tokens[:, None], state)  # (B, 1, V)
        # Ended sequences are still computed, because the batch keeps its shape, but only padding is written for them.
        tokens = logits[:, -1].argmax(dim=1).masked_fill(ended, PADDING)  # (B,)
        decoded.append(tokens)
        ended = ended | (tokens == end_token)
        if ended.all():
            break
    return torch.stack(decoded, dim=1)


def beam_search(
    step: Step,
    start: Tensor,
    end_token: int,
    max_length: int,
    beam_size: int,
    state: State | None = None,
    length_penalty: float = 0.6,
) -> Beams:
    """Keep the K = ``beam_size`` best partial sequences at each step: first inputs (B,) -> the K best of each.

    The step is called with B * K rows, the K beams of a sequence next to each other: other inputs of the step, as an
    encoder's outputs, must be repeated K times (``repeat_rows``). Beams are ranked by log-probability divided by
    ((5 + length) / 6) ** ``length_penalty``, because the plain sum favours short sequences; Wu et al. 2016,
    arXiv:1609.08144, equation 14. A penalty of 0 is the plain sum. An ended beam stays while it is among the best.
    """
    B, K = len(start), beam_size
    first_rows = torch.arange(B, device=start.device)[:, None] * K  # (B, 1): the row of each sequence's first beam
    last = start.repeat_interleave(K)  # (B * K,)
    state = repeat_rows(state, K)
    totals = torch.zeros(B, K, device=start.device)  # the log-probability of each beam
    totals[:, 1:] = -math.inf  # all beams of a sequence start equal; K copies of one extension would fill the beam
    lengths = torch.zeros_like(totals)
    ended = torch.zeros_like(totals, dtype=torch.bool)
    tokens = start.new_empty(B, K, 0)
    scores = totals
    for _ in range(max_length):
        logits, state = step(last[:, None], state)
        V = logits.shape[-1]
        steps = logits[:, -1].float().log_softmax(dim=1).view(B, K, V)  # float32: sums of many half-precision terms
        stay = torch.full_like(steps[0, 0], -math.inf)  # (V,)
        stay[PADDING] = 0.0  # an ended beam is extended by padding with probability 1, so its score does not change
        steps = torch.where(ended[..., None], stay, steps)
        lengths = lengths + ~ended
        candidates = totals[..., None] + steps  # (B, K, V)
        ranking = candidates / (((5 + lengths) / 6) ** length_penalty)[..., None]
        # Over the K * V extensions of a sequence together: one good beam may take several places.
        scores, best = ranking.flatten(1).topk(K, dim=1)
        beam, token = best // V, best % V  # (B, K) each: which beam is extended, and by which token

        # Everything that belongs to a beam follows it to its new place: state, length, end, and the tokens so far.
        rows = (first_rows + beam).flatten()  # (B * K,)
        state = None if state is None else tuple(each.index_select(0, rows) for each in state)
        totals = candidates.flatten(1).gather(1, best)  # the sum itself, not divided by the penalty, grows on
        lengths = lengths.gather(1, beam)
        ended = ended.gather(1, beam) | (token == end_token)
        tokens = torch.cat([tokens.flatten(0, 1)[rows].view(B, K, -1), token[..., None]], dim=2)
        last = token.flatten()
        if (ended | totals.isinf()).all():  # infinite: there are fewer than K sequences, and the place is empty
            break
    return Beams(tokens, scores)


def repeat_rows(state: State | None, times: int) -> State | None:
    """Repeat each row of each tensor, copies next to each other: (B, ...) -> (B * times, ...)."""
    return None if state is None else tuple(each.repeat_interleave(times, dim=0) for each in state)
