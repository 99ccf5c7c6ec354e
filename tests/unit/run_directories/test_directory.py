"""A run's directory: its name is its own, its files are whole, and it is claimed, discarded and read again."""

from __future__ import annotations

import csv
import json
import math
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from netyard.errors import CheckpointError, PlatformError
from netyard.io.atomic import write_atomically
from netyard.io.claim import create_unused
from netyard.io.finite_json import finite
from netyard.io.process import is_main_process
from netyard.run_directories.directory import RunDir


@pytest.mark.parametrize("name", ["a b", "ü=ö", "it's", "[x,y]{z}", "${nothing}", "tab\there", "back\\slash"])
def test_a_directory_of_any_name_can_be_run_in_and_resumed(name: str, tmp_path: Path) -> None:
    from netyard.config.compose import compose
    from netyard.config.overrides import override, value_of

    words = [override("hydra.run.dir", tmp_path / name), override("tags", "x")]
    assert value_of(words, "hydra.run.dir") in (str(tmp_path / name), str(tmp_path / name).replace("${", "\\${"))
    cfg, _ = compose([override("resume", tmp_path / name)])
    assert cfg.resume == str(tmp_path / name)


def test_threads_get_different_directories(tmp_path: Path):
    claim = create_unused.__wrapped__
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: claim(str(tmp_path / "run")), range(64)))
    assert len(set(answers)) == 64


def test_directory_is_cached_within_a_process(tmp_path: Path):
    assert create_unused(str(tmp_path / "run")) == create_unused(str(tmp_path / "run")) == str(tmp_path / "run")


def test_other_ranks_create_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert not is_main_process()
    assert create_unused(str(tmp_path / "run")) == str(tmp_path / "run")
    RunDir(tmp_path / "run").set_state("running")
    assert not (tmp_path / "run").exists()


def test_unwritable_place_is_refused_in_three_parts(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PlatformError, match=r"nothing can be written to .*NETYARD_OUTPUTS.*try hydra\.run\.dir=DIR"):
        create_unused(str(tmp_path / "file" / "run"))


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "status.json"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "half \udc80")
    assert path.read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["status.json"]


def test_a_reader_never_sees_half_a_file(tmp_path: Path):
    path, texts = tmp_path / "file", {letter * 200_000 for letter in "abc"}
    write_atomically(path, "a" * 200_000)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(lambda: [write_atomically(path, text) for _ in range(10) for text in texts])
        while not writing.done():
            assert path.read_text() in texts
        writing.result()


def test_status_has_start_time_and_end_state(tmp_path: Path):
    run_dir = RunDir(tmp_path / "run")
    assert run_dir.status() == run_dir.results() == {}
    run_dir.set_state("running")
    running = run_dir.status()
    assert running["state"] == "running" and running["ended"] is None and running["pid"] == os.getpid()
    run_dir.set_state("failed", "the loss is NaN")
    failed = run_dir.status()
    assert failed["state"] == "failed" and failed["error"] == "the loss is NaN"
    assert failed["started"] == running["started"] <= failed["ended"]
    run_dir.set_state("running")  # resumed
    assert run_dir.status()["ended"] is None and run_dir.status()["error"] is None


def rows(run_dir: RunDir) -> list[dict[str, str]]:
    with (run_dir.path / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_resumed_run_replaces_its_rows_instead_of_repeating_them(tmp_path: Path):
    run_dir = RunDir(tmp_path)
    for epoch in range(4):
        run_dir.append_metrics({"epoch": epoch, "train/loss": f"first {epoch}"})
    run_dir.append_metrics({"epoch": 2, "train/loss": "again 2"})
    assert [(row["epoch"], row["train/loss"]) for row in rows(run_dir)] == [
        ("0", "first 0"),
        ("1", "first 1"),
        ("2", "again 2"),
    ]


def test_later_metric_gets_a_column_with_blanks_before(tmp_path: Path):
    run_dir = RunDir(tmp_path)
    run_dir.append_metrics({"epoch": 0, "train/loss": "1"})
    run_dir.append_metrics({"epoch": 1, "train/loss": "0.5", "val/loss": "0.7"})
    run_dir.append_metrics({"epoch": 2, "train/loss": "0.25"})
    assert [row["val/loss"] for row in rows(run_dir)] == ["", "0.7", ""]


def test_a_directory_with_a_run_in_it_is_refused(tmp_path: Path):
    RunDir(tmp_path).refuse_if_taken()
    RunDir(tmp_path).set_state("running")
    with pytest.raises(CheckpointError, match=r"already contains a run;.*resume=") as refused:
        RunDir(tmp_path).refuse_if_taken()
    assert refused.value.exit_code == 4


def test_discard_keeps_older_files(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    run_dir = RunDir(tmp_path)
    run_dir.set_state("running")
    run_dir.checkpoints.mkdir()
    (run_dir.checkpoints / "draft").write_text("")
    (tmp_path / ".hydra").mkdir()
    run_dir.discard()
    assert [each.name for each in tmp_path.iterdir()] == ["notes.txt"]


def test_discard_removes_an_empty_directory(tmp_path: Path):
    run_dir = RunDir(tmp_path / "run")
    run_dir.set_state("failed")
    run_dir.discard()
    assert not run_dir.path.exists()


def test_nan_becomes_null_in_the_results(tmp_path: Path):
    run_dir = RunDir(tmp_path)
    run_dir.write_results({"metrics": {"test/loss": math.nan, "test/accuracy": 0.5}, "list": [math.inf, -math.inf, 3]})

    def no_such_thing(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    text = (tmp_path / "results.json").read_text()
    assert json.loads(text, parse_constant=no_such_thing) == run_dir.results()
    assert run_dir.results() == {"metrics": {"test/loss": None, "test/accuracy": 0.5}, "list": [None, None, 3]}


@pytest.mark.parametrize("value", [0.0, -1.5, 1e308, True, None, "nan", 2**70])
def test_everything_else_stays_as_it_is(value: object):
    assert finite({"a": [value]}) == {"a": [value]}


def test_overrides_of_a_run_exclude_resume(tmp_path: Path):
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("- model=mlp\n- resume=outputs/a\n- seed=3\n")
    assert RunDir(tmp_path).overrides() == ["model=mlp", "seed=3"]


@pytest.mark.parametrize(("name", "said"), [("there", "it contains no .hydra/"), ("missing", "it does not exist")])
def test_directory_without_a_run_is_refused(tmp_path: Path, name: str, said: str):
    (tmp_path / "there").mkdir()
    with pytest.raises(CheckpointError, match=f"is not a run directory: {said};.*outputs/"):
        RunDir(tmp_path / name).overrides()


@pytest.mark.parametrize(("augmentation", "now"), [("{}", "auto"), ("{crop: false}", "none")])
def test_words_of_an_older_run_have_their_present_names(tmp_path: Path, augmentation: str, now: str) -> None:
    """``augmentation=none`` was what ``auto`` is now, and is resumed as that."""
    folder = tmp_path / ".hydra"
    folder.mkdir()
    (folder / "overrides.yaml").write_text("- augmentation=none\n- model=cnn\n")
    (folder / "config.yaml").write_text(f"augmentation: {augmentation}\n")
    (folder / "hydra.yaml").write_text("hydra: {runtime: {choices: {augmentation: none, model: cnn}}}\n")
    run_dir = RunDir(tmp_path)
    assert run_dir.overrides() == [f"augmentation={now}", "model=cnn"]
    assert run_dir.composed()[1] == {"augmentation": now, "model": "cnn"}
