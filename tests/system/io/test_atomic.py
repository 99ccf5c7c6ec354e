"""A process that dies at an instant of a write leaves what was there before or the new, whole; the next tidies up."""

from __future__ import annotations

import os
import random
from contextlib import closing
from pathlib import Path

import pytest

from support import file_writers, tensor_writers
from support.kill_points import deaths, server_of
from support.warm_processes import WarmServer

POINTS = 2


@pytest.mark.parametrize("module", [file_writers, tensor_writers], ids=["files", "tensors"])
def test_a_kill_at_points_of_each_kind_of_write(
    module, warm_server: WarmServer, rng: random.Random, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # as the server does
    wrong = []
    with closing(server_of(module.__name__, warm_server)) as server:
        for number, (kind, writers) in enumerate(module.WRITERS.items()):
            name = rng.choice([*writers])
            place = tmp_path / str(number)
            found = [*deaths(server, kind, name, writers[name], place, lambda points: rng.sample(points, POINTS))]
            assert len(found) == POINTS
            wrong += [(kind, name, point, fault) for point, fault in found if fault]
    assert not wrong
