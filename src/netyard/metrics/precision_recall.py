"""Fidelity and diversity as separate scores: precision and recall, density and coverage.

The manifold of a set is the union of balls around its samples; the radius of each is the distance to the k-th nearest
neighbour in the set.

* precision: fraction of generated samples in the real manifold; recall: fraction of real samples in the generated
  manifold. Kynkäänniemi et al. 2019, arXiv:1904.06991.
* density: mean number of real balls that contain a generated sample, divided by k; may exceed 1. coverage: fraction of
  real balls that contain a generated sample. Naeem et al. 2020, arXiv:2002.09797. An outlier has a huge ball, which
  raises precision and recall but hardly changes these.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netyard.errors import ArgumentError
from netyard.metrics.checks import check_pair


class ManifoldScores(NamedTuple):
    """Scalars in float64, higher is better: from 0 to 1, but density from 0 to N / k."""

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor


def manifold_scores(real: Tensor, generated: Tensor, neighbours: int = 5, chunk_size: int = 1024) -> ManifoldScores:
    """Features (N, D) and (M, D)  ->  the four scores, with balls up to the ``neighbours``-th nearest neighbour.

    Memory is proportional to ``chunk_size * (N + M)``, not to N * M; the result does not depend on ``chunk_size``.
    Recall is comparable only between sets of equal sizes N and M.

    Raises:
        ArgumentError: NaN or infinity, different D, or not more samples than neighbours.
    """
    real, generated = check_pair(real, generated, min_samples=2)
    smaller = min(len(real), len(generated))
    if not 1 <= neighbours < smaller:  # a sample is no neighbour of itself
        raise ArgumentError(
            f"neighbours is {neighbours};",
            f"it must be at least 1 and below the {smaller} samples of the smaller set;",
            f"try neighbours={min(5, smaller - 1)}.",
        )
    if chunk_size < 1:
        raise ArgumentError(
            f"chunk_size is {chunk_size};",
            "it must be at least 1;",
            "try chunk_size=1024.",
        )
    real_radii = _radii(real, neighbours, chunk_size)
    generated_radii = _radii(generated, neighbours, chunk_size)
    counts = []
    covered = torch.zeros(len(real), dtype=torch.bool, device=real.device)
    recalled = torch.zeros_like(covered)
    for part, radii in zip(generated.split(chunk_size), generated_radii.split(chunk_size), strict=True):
        distances = _distances(part, real)  # (m, N)
        # <=: a ball includes its surface, on which the neighbour that defines its radius is.
        in_real = distances <= real_radii
        counts.append(in_real.sum(dim=1))
        covered |= in_real.any(dim=0)
        recalled |= (distances <= radii[:, None]).any(dim=0)
    num_balls = torch.cat(counts)  # (M,): real balls that contain each generated sample
    return ManifoldScores(
        precision=(num_balls > 0).double().mean(),
        recall=recalled.double().mean(),
        density=num_balls.double().mean() / neighbours,
        coverage=covered.double().mean(),
    )


def _radii(features: Tensor, neighbours: int, chunk_size: int) -> Tensor:
    """Features (N, D)  ->  (N,), each sample's distance to its ``neighbours``-th nearest other sample."""
    # One more than ``neighbours``: the nearest is the sample itself, at distance 0.
    parts = [
        _distances(part, features).topk(neighbours + 1, dim=1, largest=False).values[:, -1]
        for part in features.split(chunk_size)
    ]
    return torch.cat(parts)


def _distances(x: Tensor, y: Tensor) -> Tensor:
    # Not by |x|^2 + |y|^2 - 2 x . y, whose rounding depends on the chunk: the neighbour that defines a radius must be
    # within it to the last bit. It is slower, but extracting the features takes longer still.
    return torch.cdist(x, y, compute_mode="donot_use_mm_for_euclid_dist")
