"""The expected calibration error of a classifier, from sums per confidence bin that can be added over devices."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 15  # as in Guo et al. 2017


class Calibration:
    """Sums over test samples in bins of equal width, by the probability of the predicted class.

    Guo et al. 2017, arXiv:1706.04599, section 3.

    Attributes:
        sums: (3, 15): number of samples, sum of confidences, and number of correct predictions of each bin.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.sums = torch.zeros(3, BINS, device=device)

    def add(self, probabilities: Tensor, y: Tensor) -> None:
        """Add a batch: probabilities (B, C) and labels (B,)."""
        confidences, predictions = probabilities.max(dim=1)
        # A diverged network has NaN confidences: they are counted in the first bin, and the error becomes NaN.
        # A confidence of exactly 1 would have the index BINS; clamp() puts it into the last bin.
        bins = (confidences.nan_to_num() * BINS).long().clamp(max=BINS - 1)
        terms = torch.stack([torch.ones_like(confidences), confidences, (predictions == y).to(confidences)])  # (3, B)
        self.sums.index_add_(1, bins, terms)

    def error(self) -> Tensor:
        """The expected calibration error: the gap between confidence and accuracy of a bin, averaged over samples."""
        count, confidence, right = self.sums
        # Eq. 3 of the paper: sum_m |B_m| / n * |acc(B_m) - conf(B_m)|. |B_m| cancels, so an empty bin is no 0 / 0.
        return (confidence - right).abs().sum() / count.sum()
