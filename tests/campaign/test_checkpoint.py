"""A broken checkpoint is never mistaken for a good one, whatever broke it and whether its manifest is there or not."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from netyard import checkpoint, manifests
from netyard.errors import CheckpointError

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none")
MUTATIONS = 1000


def mutated(content: bytes, draw: random.Random) -> bytes:
    """The content with a bit flipped, bytes overwritten, zeroed, cut off, taken out or put in."""
    made, at = bytearray(content), draw.randrange(len(content))
    length = draw.choice([1, 4, 64, 1000])
    match draw.randrange(6):
        case 0:
            made[at] ^= 1 << draw.randrange(8)
        case 1:
            made[at : at + length] = draw.randbytes(len(made[at : at + length]))
        case 2:
            made[at : at + length] = bytes(len(made[at : at + length]))
        case 3:
            del made[at:]
        case 4:
            del made[at : at + length]
        case _:
            made[at:at] = draw.randbytes(length)
    return bytes(made)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, Mapping):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and one == other


@pytest.fixture
def run(train) -> Path:
    ran = train(*RUN, "trainer.max_epochs=3")
    assert ran.code == 0, ran.err
    return ran.path


def test_no_mutation_is_read_beside_its_manifest(tally, run: Path) -> None:
    path = (run / "checkpoints" / "best.ckpt").resolve()
    whole, draw, seen_through = path.read_bytes(), random.Random(0), 0
    for _ in range(MUTATIONS):
        broken = mutated(whole, draw)
        path.write_bytes(broken)
        try:
            checkpoint.read(path)
        except CheckpointError as error:
            seen_through += broken != whole and "best.ckpt is broken" in str(error)
        else:
            seen_through += broken == whole
    path.write_bytes(whole)
    assert checkpoint.read(path)
    tally("a checkpoint mutated beside its manifest, and refused", MUTATIONS, seen_through)


def test_no_mutation_of_a_lone_copy_is_silently_wrong(tally, run: Path, tmp_path: Path) -> None:
    path = tmp_path / "best.ckpt"
    shutil.copy(run / "checkpoints" / "best.ckpt", path)
    whole, draw, refused, as_it_was = path.read_bytes(), random.Random(0), 0, 0
    wanted = checkpoint.read(path)
    for _ in range(MUTATIONS):
        path.write_bytes(mutated(whole, draw))
        try:
            found = checkpoint.read(path)
        except CheckpointError:
            refused += 1
        else:
            as_it_was += same(found, wanted)
    assert refused > MUTATIONS / 2
    tally("a lone checkpoint mutated, and refused or read as it was", MUTATIONS, refused + as_it_was)


def test_a_run_whose_last_save_broke_goes_on_from_the_one_before(train, tmp_path: Path) -> None:
    words = (*RUN, "scheduler=cosine", "trainer.max_epochs=4")
    whole = train(*words, path=tmp_path / "whole")
    stopped = train(*words)
    newest, before = manifests.known(stopped.path / "checkpoints")[:2]
    (stopped.path / "checkpoints" / f"{newest.name}.ckpt").write_bytes(b"half")
    (stopped.path / "status.json").write_text('{"state": "failed"}')
    resumed = train(f"resume={stopped.path}", path=stopped.path)
    assert resumed.code == 0, resumed.err
    assert f"{newest.name}.ckpt is broken, it has 4 bytes" in resumed.out + resumed.err
    assert manifests.known(stopped.path / "checkpoints")[0].name == newest.name
    for name in ("best", "last"):
        got, wanted = (checkpoint.read(each.path / "checkpoints" / f"{name}.ckpt") for each in (resumed, whole))
        assert same(got["state_dict"], wanted["state_dict"]), name
    assert before.step < newest.step


def test_a_broken_best_is_refused_with_both_hashes(train, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from netyard import cli

    path = run / "checkpoints" / "best.ckpt"
    expected = manifests.sha256(path)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert cli.main(["evaluate", f"run={run}"]) == 4
    said = capsys.readouterr().err
    assert expected in said and manifests.sha256(path) in said and "Traceback" not in said
