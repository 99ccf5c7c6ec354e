"""A broken checkpoint is refused, and a run goes on from the save before it."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from netyard.cli import main
from netyard.run_directories import manifest
from netyard.training import checkpoint
from support.mutations import never_wrong, same, seen_through

MUTATIONS = 40


def test_no_mutation_is_read_beside_its_manifest(copied_run, rng: random.Random) -> None:
    path = copied_run("iris") / "checkpoints" / "best.ckpt"
    assert seen_through(path, MUTATIONS, rng) == MUTATIONS


def test_no_mutation_of_a_lone_copy_is_silently_wrong(finished, rng: random.Random, tmp_path: Path) -> None:
    path = Path(shutil.copy(finished("iris") / "checkpoints" / "best.ckpt", tmp_path))
    refused, as_it_was = never_wrong(path, MUTATIONS, rng)
    assert refused > MUTATIONS / 2 and refused + as_it_was == MUTATIONS


def test_a_run_whose_last_save_broke_goes_on_from_the_one_before(train, tmp_path: Path) -> None:
    words = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none", "scheduler=cosine")
    whole = train(*words, "trainer.max_epochs=4")
    assert whole.code == 0, whole.err
    stopped = Path(shutil.copytree(whole.path, tmp_path / "stopped", symlinks=True))
    newest, before = manifest.read_all(stopped / "checkpoints")[:2]
    (stopped / "checkpoints" / f"{newest.name}.ckpt").write_bytes(b"half")
    (stopped / "status.json").write_text('{"state": "failed"}')
    resumed = train(f"resume={stopped}", path=stopped)
    assert resumed.code == 0, resumed.err
    assert f"{newest.name}.ckpt is broken: it has 4 bytes" in resumed.out + resumed.err
    assert manifest.read_all(stopped / "checkpoints")[0].name == newest.name
    for name in ("best", "last"):
        got, wanted = (checkpoint.read(each / "checkpoints" / f"{name}.ckpt") for each in (stopped, whole.path))
        assert same(got["state_dict"], wanted["state_dict"]), name
    assert before.step < newest.step


def test_a_broken_best_is_refused_with_both_hashes(copied_run, capsys: pytest.CaptureFixture[str]) -> None:
    run = copied_run("iris")
    path = run / "checkpoints" / "best.ckpt"
    expected = manifest.sha256(path)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    path.write_bytes(damaged)
    assert main.main(["evaluate", f"run={run}"]) == 4
    said = capsys.readouterr().err
    assert expected in said and manifest.sha256(path) in said and "Traceback" not in said
