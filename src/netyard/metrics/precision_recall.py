"""Fidelity and diversity, counted apart: precision and recall, density and coverage.

A set's manifold is the union of balls, one around each sample, that reach to its k-th nearest neighbour in the set.

* precision: the share of generated samples in the real manifold; recall: of real samples in the generated one.
  Kynkäänniemi et al. 2019, arXiv:1904.06991.
* density: how many real balls hold a generated sample, on average, over k; may exceed 1. coverage: the share of real
  balls with a generated sample in them. Naeem et al. 2020, arXiv:2002.09797; a single outlier, whose huge ball raises
  precision and recall, hardly moves these.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netyard.errors import ArgumentError
from netyard.metrics.checks import check_pair


class ManifoldScores(NamedTuple):
    """Scalars in float64, all better when higher: 0 to 1, but density from 0 to N / k."""

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor


def manifold_scores(real: Tensor, generated: Tensor, neighbours: int = 5, chunk_size: int = 1024) -> ManifoldScores:
    """Features (N, D) and (M, D)  ->  the four scores, with balls to the ``neighbours``-th neighbour.

    Balls are closed. Memory grows with ``chunk_size * (N + M)``, never with N * M, and the result does not depend on
    the chunks. Recall is unfair to sets of different sizes: compare equal N and M.

    Raises:
        ArgumentError: NaN or infinity, different D, or no more samples than neighbours.
    """
    real, generated = check_pair(real, generated, least=2)
    fewest = min(len(real), len(generated))
    if not 1 <= neighbours < fewest:
        raise ArgumentError(
            f"neighbours is {neighbours};",
            f"it must be at least 1 and below the {fewest} samples of the smaller set;",
            f"try neighbours={min(5, fewest - 1)}.",
        )
    if chunk_size < 1:
        raise ArgumentError(
            f"chunk_size is {chunk_size};",
            "it must be at least 1;",
            "try chunk_size=1024.",
        )
    real_radii = _radii(real, neighbours, chunk_size)
    generated_radii = _radii(generated, neighbours, chunk_size)
    balls = []  # how many real balls hold each generated sample
    covered = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    recalled = torch.zeros_like(covered)
    for part, radii in zip(generated.split(chunk_size), generated_radii.split(chunk_size), strict=True):
        distances = _distances(part, real)
        in_real = distances <= real_radii
        balls.append(in_real.sum(dim=1))
        covered |= in_real.any(dim=0)
        recalled |= (distances <= radii[:, None]).any(dim=0)
    held = torch.cat(balls)
    return ManifoldScores(
        precision=(held > 0).double().mean(),
        recall=recalled.double().mean(),
        density=held.double().mean() / neighbours,
        coverage=covered.double().mean(),
    )


def _radii(features: Tensor, neighbours: int, chunk_size: int) -> Tensor:
    """Features (N, D)  ->  (N,), each sample's distance to its ``neighbours``-th nearest other sample."""
    # The nearest of all is the sample itself, at distance 0.
    parts = [
        _distances(part, features).topk(neighbours + 1, dim=1, largest=False).values[:, -1]
        for part in features.split(chunk_size)
    ]
    return torch.cat(parts)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    # By differences, not by products: the neighbour that sets a radius must lie within it to the last bit, in whatever
    # chunk its distance is computed. Extracting the features takes longer than this does.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
