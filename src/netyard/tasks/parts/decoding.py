"""Decoding of sequences from a net's logits: sampling, greedy decoding, beam search.

Pure functions. A ``Step`` takes the last tokens (B, 1) and the state, and gives the logits (B, 1, V) of the next ones
and the new state, a tuple of tensors with the batch first; it is called with ``None`` where a sequence begins.
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
    """What a beam search found, the best first."""

    tokens: Tensor  # (B, K, T), up to the end token, then padding
    scores: Tensor  # (B, K), log-probability over length penalty; -inf if there are fewer than K sequences


def sample(
    logits: Tensor, temperature: NotNegative = 1.0, top_k: Index = 0, generator: torch.Generator | None = None
) -> Tensor:
    """Draw a token from each row of logits: (B, V) -> (B,).

    Logits are divided by the temperature (Ackley, Hinton & Sejnowski 1985): below 1 likely tokens become likelier, 0
    takes the likeliest. ``top_k`` draws from the k likeliest only (Fan, Lewis & Dauphin 2018), 0 from all.

    Raises:
        ArgumentError: a temperature below 0 or not finite; a top_k below 0 or above V.
    """
    check(sample, locals())
    check_top_k(top_k, logits.shape[1])
    if temperature == 0:
        return logits.argmax(dim=1)
    # The largest becomes 0 first, in double precision: no temperature, however small or large, can overflow then.
    scaled = logits.double()
    scaled = (scaled - scaled.amax(dim=1, keepdim=True)) / temperature
    if top_k:
        kept = scaled.topk(top_k, dim=1).indices  # exactly k, ties or not
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
    """The likeliest token at every step: first inputs (B,) -> (B, T), up to the end token, then padding.

    Stops when every sequence has ended, or at ``max_length`` tokens, the end token included.
    """
    tokens, decoded = start, []
    ended = torch.zeros_like(start, dtype=torch.bool)
    for _ in range(max_length):
        logits, state = step(tokens[:, None], state)
        tokens = logits[:, -1].argmax(dim=1).masked_fill(ended, PADDING)
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
    """Keep the ``beam_size`` best beginnings of each sequence: first inputs (B,) -> the K best of each.

    The step is called with B * K rows, the K beams of a sequence side by side: what it knows of a sequence besides the
    state must come K times (``repeat_rows``). Beams are ranked by log-probability over ((5 + length) / 6) **
    ``length_penalty``, for the bare sum favours the short; Wu et al. 2016, arXiv:1609.08144, equation 14. 0 is the
    bare sum. An ended beam keeps its place while it is among the best.
    """
    B, K = len(start), beam_size
    first_rows = torch.arange(B, device=start.device)[:, None] * K
    last = start.repeat_interleave(K)
    state = repeat_rows(state, K)
    totals = torch.zeros(B, K, device=start.device)
    totals[:, 1:] = -math.inf  # all beams of a sequence start equal, so only the first may be extended
    lengths = torch.zeros_like(totals)
    ended = torch.zeros_like(totals, dtype=torch.bool)
    tokens = start.new_empty(B, K, 0)
    scores = totals
    for _ in range(max_length):
        logits, state = step(last[:, None], state)
        V = logits.shape[-1]
        steps = logits[:, -1].float().log_softmax(dim=1).view(B, K, V)
        stay = torch.full_like(steps[0, 0], -math.inf)
        stay[PADDING] = 0.0  # an ended beam is extended by padding, at no cost
        steps = torch.where(ended[..., None], stay, steps)
        lengths = lengths + ~ended
        candidates = totals[..., None] + steps
        ranking = candidates / (((5 + lengths) / 6) ** length_penalty)[..., None]
        scores, best = ranking.flatten(1).topk(K, dim=1)
        beam, token = best // V, best % V

        rows = (first_rows + beam).flatten()
        state = None if state is None else tuple(each.index_select(0, rows) for each in state)
        totals = candidates.flatten(1).gather(1, best)
        lengths = lengths.gather(1, beam)
        ended = ended.gather(1, beam) | (token == end_token)
        tokens = torch.cat([tokens.flatten(0, 1)[rows].view(B, K, -1), token[..., None]], dim=2)
        last = token.flatten()
        if (ended | totals.isinf()).all():
            break
    return Beams(tokens, scores)


def repeat_rows(state: State | None, times: int) -> State | None:
    """Every row of every tensor so many times, side by side: (B, ...) -> (B * times, ...)."""
    return None if state is None else tuple(each.repeat_interleave(times, dim=0) for each in state)
