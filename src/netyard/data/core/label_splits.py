"""Stratified splits of samples with several labels each: every part gets its share of the samples with each label.

Iterative stratification (Sechidis, Tsoumakas & Vlahavas 2011), the samples of a label at once: the rarest label first,
because later ones can make up for it and not the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from netyard.data.core.keys import SPLIT, sample_keys


def parts_of(labels: Tensor, sizes: Sequence[int], seed: int) -> np.ndarray:
    """The part of each sample, int64 (N,), by the labels of all of them, (N, L) with 0 and 1.

    Args:
        labels: of all samples.
        sizes: samples in each part, in total N; a sample that could go to several goes to the first.
        seed: which samples of a label go where. The same on every machine.
    """
    truth = labels.cpu().numpy() > 0
    capacity = np.array(sizes, dtype=np.int64)
    wanted = truth.sum(0) * capacity[:, None] / len(truth)  # (P, L)
    order = sample_keys(seed, 0, torch.arange(len(truth)), SPLIT).argsort(stable=True).numpy()
    part = np.full(len(truth), -1, dtype=np.int64)
    left = truth.sum(0)
    while left.any():
        label = int(np.where(left > 0, left, left.max() + 1).argmin())
        members = order[truth[order, label] & (part[order] < 0)]
        shares = _whole_shares(wanted[:, label], len(members), capacity)
        for number, chosen in enumerate(np.split(members, shares.cumsum()[:-1])):
            part[chosen] = number
            wanted[number] -= truth[chosen].sum(0)
        capacity -= shares
        left = left - truth[members].sum(0)
    # Samples without any label, at random.
    rest = order[part[order] < 0]
    part[rest] = np.repeat(np.arange(len(capacity)), capacity)
    return part


def _whole_shares(wanted: np.ndarray, total: int, capacity: np.ndarray) -> np.ndarray:
    """Whole numbers that sum to ``total``, as near to what is wanted as the capacities allow: (P,) of both."""
    wanted = np.clip(wanted, 0, capacity)
    if wanted.sum() > 0:
        wanted = np.minimum(wanted * (total / wanted.sum()), capacity)
    shares = np.floor(wanted).astype(np.int64)
    while shares.sum() < total:
        # The largest remainder that still has room; the first of several.
        open_ = np.where(shares < capacity, wanted - shares, -np.inf)
        shares[int(open_.argmax())] += 1
    return shares
