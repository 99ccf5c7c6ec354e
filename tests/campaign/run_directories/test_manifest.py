"""A broken checkpoint is never mistaken for a good one, whatever broke it and whether its manifest is there or not."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from support.mutations import never_wrong, seen_through

CHUNKS, MUTATIONS = 10, 100


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_mutation_is_read_beside_its_manifest(tally, copied_run, rng: random.Random, chunk: int) -> None:
    path = copied_run("iris") / "checkpoints" / "best.ckpt"
    tally("a checkpoint mutated beside its manifest, and refused", MUTATIONS, seen_through(path, MUTATIONS, rng))


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_no_mutation_of_a_lone_copy_is_silently_wrong(
    tally, finished, rng: random.Random, tmp_path: Path, chunk: int
) -> None:
    path = Path(shutil.copy(finished("iris") / "checkpoints" / "best.ckpt", tmp_path))
    refused, as_it_was = never_wrong(path, MUTATIONS, rng)
    assert refused > MUTATIONS / 2
    tally("a lone checkpoint mutated, and refused or read as it was", MUTATIONS, refused + as_it_was)
