"""Precision, recall, density and coverage compared with slow loops and with known values."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from netyard.metrics.precision_recall import ManifoldScores, manifold_scores


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slow_scores(real: Tensor, generated: Tensor, k: int) -> list[float]:
    """The definitions of the papers, computed one pair at a time."""

    def distance(a: Tensor, b: Tensor) -> float:
        return float((a - b).square().sum().sqrt())

    def radius(samples: Tensor, i: int) -> float:
        return sorted(distance(samples[i], samples[j]) for j in range(len(samples)) if j != i)[k - 1]

    def inside(x: Tensor, samples: Tensor, radii: list[float]) -> list[bool]:
        return [distance(x, centre) <= reach for centre, reach in zip(samples, radii, strict=True)]

    real_radii = [radius(real, i) for i in range(len(real))]
    generated_radii = [radius(generated, j) for j in range(len(generated))]
    in_real = [inside(y, real, real_radii) for y in generated]
    in_generated = [inside(x, generated, generated_radii) for x in real]
    precision = sum(any(row) for row in in_real) / len(generated)
    recall = sum(any(row) for row in in_generated) / len(real)
    density = sum(sum(row) for row in in_real) / (k * len(generated))
    coverage = sum(any(row[i] for row in in_real) for i in range(len(real))) / len(real)
    return [precision, recall, density, coverage]


def values(scores: ManifoldScores) -> list[float]:
    return [score.item() for score in scores]


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize(("n", "m"), [(20, 20), (15, 30), (30, 12)])
def test_scores_agree_with_slow_loops(n: int, m: int, k: int):
    real, generated = draw(n, 3, seed=1), 0.8 * draw(m, 3, seed=2) + 0.4
    expected = slow_scores(real, generated, k)
    assert values(manifold_scores(real, generated, k)) == pytest.approx(expected, rel=1e-12)
    assert len(set(expected)) > 1 and 0 < expected[0] < 1.1


@pytest.mark.parametrize("chunk_size", [1, 7, 64, 100])
def test_the_chunk_size_does_not_change_the_scores(chunk_size: int):
    real, generated = draw(64, 5, seed=1), draw(50, 5, seed=2)
    assert manifold_scores(real, generated, 3, chunk_size) == manifold_scores(real, generated, 3, 10_000)


def test_distances_are_computed_in_chunks(monkeypatch):
    largest, cdist = 0, torch.cdist

    def watched(x: Tensor, y: Tensor, **options: str) -> Tensor:
        nonlocal largest
        largest = max(largest, len(x) * len(y))
        return cdist(x, y, **options)

    monkeypatch.setattr(torch, "cdist", watched)
    manifold_scores(draw(400, 2, seed=1), draw(300, 2, seed=2), chunk_size=16)
    assert largest == 16 * 400


def test_a_copy_of_the_real_set_is_perfect():
    x = draw(200, 6) + 1000
    copy = x[torch.randperm(200, generator=torch.Generator().manual_seed(1))]
    precision, recall, density, coverage = values(manifold_scores(x, copy, neighbours=5, chunk_size=33))
    # Each ball holds its centre and, to the last bit, the 5 neighbours that set its radius.
    assert (precision, recall, coverage) == (1, 1, 1) and density == pytest.approx(6 / 5, rel=1e-12)


def test_two_samples_of_one_distribution_score_high():
    precision, recall, density, coverage = values(manifold_scores(draw(500, 4, seed=1), draw(500, 4, seed=2)))
    assert min(precision, recall) > 0.9 and coverage > 0.9
    assert density == pytest.approx(1, abs=0.1)


def test_a_distant_set_scores_zero():
    assert values(manifold_scores(draw(50, 4, seed=1), draw(50, 4, seed=2) + 100)) == [0, 0, 0, 0]


def test_a_missing_mode_lowers_recall_and_coverage_but_not_precision():
    modes = torch.tensor([[-50.0], [50.0]], dtype=torch.float64)
    real = torch.cat([draw(200, 4, seed=i) + mode for i, mode in enumerate(modes)])
    precision, recall, density, coverage = values(manifold_scores(real, draw(400, 4, seed=9) + modes[0]))
    assert precision > 0.9 and density > 0.9
    assert recall == pytest.approx(0.5, abs=0.05) and coverage == pytest.approx(0.5, abs=0.05)


def test_generated_outliers_lower_precision_but_not_recall():
    real, generated = draw(400, 4, seed=1), draw(400, 4, seed=2)
    before = values(manifold_scores(real, generated))
    generated[:200] += 50 + 200 * torch.arange(200)[:, None]
    after = values(manifold_scores(real, generated))
    assert before[0] > 0.9 and after[0] == pytest.approx(before[0] / 2, abs=0.05)
    assert after[2] == pytest.approx(before[2] / 2, abs=0.1)


def test_a_real_outlier_raises_precision_and_hardly_density():
    """Figure 2 of Naeem et al.: the ball of a real outlier contains all samples generated in between."""
    real, stray = draw(200, 2, seed=1), draw(200, 2, seed=2) + 12
    assert values(manifold_scores(real, stray))[0] == 0
    outlier = torch.cat([real, torch.full((1, 2), 20.0, dtype=torch.float64)])
    precision, _, density, coverage = values(manifold_scores(outlier, stray))
    assert precision == 1 and density == pytest.approx(1 / 5) and coverage == pytest.approx(1 / 201)


def test_duplicates_are_within_their_balls_of_radius_zero():
    same = torch.ones(10, 3)
    assert values(manifold_scores(same, same, neighbours=2)) == [1, 1, 5, 1]


def test_a_ball_reaches_the_kth_other_sample_and_is_closed():
    real = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)  # radii 1, 1, 2 to the nearest other

    def held(at: float) -> list[float]:
        precision, _, density, coverage = values(manifold_scores(real, torch.full((2, 1), at), neighbours=1))
        return [precision, density, round(coverage * 3)]

    assert held(-1.0) == [1, 1, 1] and held(-1.001) == [0, 0, 0]
    assert held(5.0) == [1, 1, 1] and held(5.001) == [0, 0, 0]
    assert held(1.0) == [1, 3, 3]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"neighbours": 0}, "neighbours is 0; it must be at least 1 and below the 6 samples .*; try neighbours=5."),
        ({"neighbours": 6}, "neighbours is 6; .*; try neighbours=5."),
        ({"generated": torch.zeros(3, 3)}, "neighbours is 5; .* below the 3 samples .*; try neighbours=2."),
        ({"generated": torch.zeros(1, 3)}, "generated set has 1 sample; .* at least 2; try more samples"),
        ({"chunk_size": 0}, "chunk_size is 0; it must be at least 1; try chunk_size=1024."),
        ({"generated": torch.full((6, 3), float("nan"))}, "NaN or infinity .*; every value .*; try"),
        ({"generated": torch.zeros(6, 2)}, "3 columns and the generated ones 2; .*; try"),
    ],
)
def test_invalid_arguments_are_refused(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        manifold_scores(**({"real": torch.zeros(6, 3), "generated": torch.zeros(6, 3)} | arguments))
