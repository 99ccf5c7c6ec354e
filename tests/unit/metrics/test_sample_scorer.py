"""Samples of anything are scored as those of a network."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from netyard.metrics.sample_scorer import SampleScorer
from support import datasets


@pytest.mark.parametrize(("kind", "names"), [("rows", {"frechet_distance", "precision"}), (None, set())])
def test_rows_are_scored_by_themselves(kind: str | None, names: set[str], tmp_path: Path) -> None:
    data = datasets.build("wine")
    data.setup()
    train, asked = data.split("train").x, list[tuple[int, int]]()

    def draw(count: int, seed: int) -> Tensor:
        asked.append((count, seed))
        return train[torch.randint(len(train), (count,), generator=torch.Generator().manual_seed(seed))]

    found = SampleScorer(cache=tmp_path).scores_of(kind, data, "test", draw, torch.device("cpu"))
    assert names <= set(found)
    assert len(asked) == (5 if kind else 0), "32 for each of the 36 real ones, 256 at once"
