"""Arrays as inputs of a run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from netyard.inference.given import inputs_of
from support.image_folders import folder


def test_integers_of_more_than_8_bits_have_the_range_of_the_run(tmp_path: Path) -> None:
    data = folder(tmp_path, image_size=2, mean=[0.0] * 3, std=[1.0] * 3)
    data.load_state_dict({"range": [1000, 3000]})
    given = np.array([0, 1000, 2000, 9000], np.int32).reshape(1, 1, 2, 2).repeat(3, axis=1)
    found = next(inputs_of(data, given).batches).x
    assert found[0, 0].flatten().tolist() == [0, 0, 0.5, 1]
    bytes_ = next(inputs_of(data, torch.full((1, 3, 2, 2), 51, dtype=torch.uint8)).batches).x
    # Bytes stay as they are stored: ``prepare`` normalises them, as those of files.
    assert torch.allclose(data.prepare(bytes_, torch.zeros(1))[0], torch.tensor(0.2))
