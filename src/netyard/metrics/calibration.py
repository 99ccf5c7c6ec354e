"""How far a classifier's confidence is from its accuracy, from sums per bin of confidence, which devices can add."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 15


class Calibration:
    """Sums over the samples of a test in bins of equal width, by the probability of the class that was chosen.

    Guo et al. 2017, arXiv:1706.04599, section 3.

    Attributes:
        sums: (3, 15): number of samples, sum of confidences, and number of correct predictions of each bin.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.sums = torch.zeros(3, BINS, device=device)

    def add(self, probabilities: Tensor, y: Tensor) -> None:
        """Take in a batch: probabilities (B, C) and labels (B,)."""
        confidences, predictions = probabilities.max(dim=1)
        # A diverged network has NaN confidences: they are counted in the first bin, and the error becomes NaN.
        bins = (confidences.nan_to_num() * BINS).long().clamp(max=BINS - 1)
        terms = torch.stack([torch.ones_like(confidences), confidences, (predictions == y).to(confidences)])
        self.sums.index_add_(1, bins, terms)

    def error(self) -> Tensor:
        """The expected calibration error: the gap between confidence and accuracy, averaged over the samples."""
        count, confidence, right = self.sums
        return (confidence - right).abs().sum() / count.sum()
