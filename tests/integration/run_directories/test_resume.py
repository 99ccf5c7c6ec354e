"""A run goes on as the experiment it was begun as, or not at all; ``resume=auto`` finds the one that is meant."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.io import readable
from support.finished_runs import RUNS
from support.resumed_runs import check_refused, killed, times
from support.stopped_runs import RUNS as STOPPED
from support.stopped_runs import stopped_everywhere

RUN = RUNS["iris"]
ONCE = ("trainer.max_epochs=1", "logger=none")
ROOM = "hydra.run.dir"


@pytest.fixture
def begun(copied_run, tmp_path: Path) -> Path:
    path = copied_run("iris", tmp_path / "run")
    killed(path)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("model.hidden_sizes=[8]", "model.hidden_sizes changed from [16] to [8]"),
        ("data=wine", "data changed from iris to wine"),
        ("seed=7", "seed changed from 0 to 7"),
        ("trainer.limit_train_batches=2", "trainer.limit_train_batches changed from "),
    ],
)
def test_another_experiment_is_refused_with_the_difference(train, begun: Path, change: str, said: str) -> None:
    check_refused(train, begun, change, said)


def test_what_leaves_the_experiment_as_it_is_may_change_and_is_said(train, begun: Path) -> None:
    ran = train(f"resume={begun}", "trainer.max_epochs=3", "tags=[late]", "callbacks.progress=null", path=begun)
    assert ran.code == 0, ran.err
    assert "resuming after step 10, with" in ran.out and "trainer.max_epochs=3 instead of 2" in ran.out
    assert ran.json("results.json")["epochs"] == 3


def test_other_samples_are_refused(train, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    lines = [f"{number % 7},{number % 5},{'ab'[number % 2]}" for number in range(60)]
    table.write_text("\n".join(["one,two,kind", *lines]) + "\n")
    words = ("model=mlp_tiny", "data=csv", f"data.path={table}", "data.target=kind", "trainer=cpu", "data.batch_size=8")
    ran = train(*words, "trainer.max_epochs=1", "logger=none")
    assert ran.code == 0, ran.err
    killed(ran.path)
    another_class = [*lines[:5], lines[5][:-1] + ("a" if lines[5][-1] == "b" else "b"), *lines[6:]]
    others = {"a row more": [*lines, *lines[:10]], "another class": another_class, "another order": lines[::-1]}
    for what, changed in others.items():
        table.write_text("\n".join(["one,two,kind", *changed]) + "\n")
        again = train(f"resume={ran.path}", "trainer.max_epochs=2", path=ran.path)
        assert again.code == 3, (what, again.err)
        assert "started with" in again.err or "differ from those of the checkpoint" in again.err, what


def test_pictures_may_move_and_not_change(train, tmp_path: Path) -> None:
    from PIL import Image

    for kind in "ab":
        for number in range(20):
            place = tmp_path / "here" / kind / f"{number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (number * 10, 100 * (kind == "a"), 0)).save(place)
    words = ("model=cnn_tiny", "data=image_folder", "data.image_size=8", "data.num_workers=0", "data.batch_size=8")
    cache = f"data.cache={tmp_path / 'cache'}"
    quick = ("trainer.max_epochs=1", "trainer=cpu", "logger=none", "callbacks.figures=null")
    ran = train(*words, *quick, cache, f"data.root={tmp_path / 'here'}")
    assert ran.code == 0, ran.err
    assert "writing a cache of 40 images" in ran.out and "images from cache/10-" in ran.out
    killed(ran.path)
    (tmp_path / "here").rename(tmp_path / "there")
    places = (f"data.root={tmp_path / 'there'}", f"data.cache={tmp_path / 'another'}")
    moved = train(f"resume={ran.path}", *places, "trainer.max_epochs=2", path=ran.path)
    assert moved.code == 0, moved.err
    killed(ran.path)
    (tmp_path / "there" / "a" / "0.png").unlink()
    changed = train(f"resume={ran.path}", "trainer.max_epochs=3", path=ran.path)
    assert changed.code == 3 and "the samples are not those that the run was started with" in changed.err
    without = train(f"resume={ran.path}", "data.cache=null", "trainer.max_epochs=3", path=ran.path)
    assert without.code == 2 and f"data.cache changed from {tmp_path / 'another'} to null" in without.err


@pytest.mark.parametrize(
    "settings", [STOPPED["forecasting"][1], STOPPED["labelled texts"][0], STOPPED["translation"][1]], ids=lambda e: e[1]
)
def test_users_series_and_texts_go_on_within_an_epoch_to_the_bit(settings: tuple[str, ...], tmp_path: Path) -> None:
    """Every step, and the other tasks, are in the campaign."""
    assert [*stopped_everywhere(settings, tmp_path, only=[6])] == [[]]


def test_a_run_that_saved_nothing_begins_anew_in_its_place(train, begun: Path) -> None:
    for path in (begun / "checkpoints").iterdir():
        path.unlink()
    (begun / "checkpoints" / ".save-00001-step-5.ckpt.99.tmp").write_bytes(b"half")
    ran = train(f"resume={begun}", path=begun)
    assert ran.code == 0, ran.err
    assert "has saved no checkpoint; it starts from the beginning" in ran.out
    with (begun / "metrics.csv").open() as file:
        assert [row["epoch"] for row in csv.DictReader(file)] == ["0", "1"]
    steps = [point.step for point in EventAccumulator(str(begun)).Reload().Scalars("val/loss")]
    assert steps == [5, 10], "what the first attempt drew is gone"
    assert not [*begun.rglob("*.tmp")]


def test_auto_begins_then_goes_on_and_then_leaves_alone(train, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NETYARD_OUTPUTS", str(tmp_path / "outputs"))
    other = train(*RUN, *ONCE, "seed=1", "hydra.job.name=train")  # which keeps the test from placing it
    first = train(*RUN, *ONCE, "resume=auto")
    assert (other.code, first.code) == (0, 0), first.err
    assert "no run of this configuration has a checkpoint; starting a new one" in first.out
    configs = (tmp_path / "outputs").rglob(".hydra/config.yaml")
    (mine,) = (path.parents[1] for path in configs if re.search(r"^seed: 0$", path.read_text(), re.MULTILINE))
    killed(mine)
    again = train(*RUN, *ONCE, "resume=auto")
    assert again.code == 0, again.err
    assert f"resume=auto: {readable.short_path(mine)}" in again.out and "resuming after step 5" in again.out
    assert json.loads((mine / "status.json").read_text())["state"] == "completed"
    before = times(tmp_path / "outputs")
    done = train(*RUN, *ONCE, "resume=auto")
    assert done.code == 0 and f"{mine} is finished already" in done.out
    assert times(tmp_path / "outputs") == before


def test_auto_takes_the_run_that_was_started_last(train, copied_run, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NETYARD_OUTPUTS", str(tmp_path / "outputs"))
    places = [tmp_path / "outputs" / name for name in ("b", "a", "c")]
    for number, place in enumerate(places):
        killed(copied_run("iris", place))
        status = json.loads((place / "status.json").read_text())
        (place / "status.json").write_text(json.dumps({**status, "started": f"2026-01-0{number % 2 + 1}"}))
    ran = train(*RUN, "baselines=false", "resume=auto")  # the words of the finished run
    assert ran.code == 0 and f"resume=auto: {readable.short_path(places[1])}" in ran.out, ran.out


@pytest.mark.parametrize("typed", ["{}/job-17", "'{}/job 17'", "'{}/${{oc.env:SLURM_JOB_ID}}'"])
def test_auto_in_a_place_of_ones_own(train, copied_run, tmp_path: Path, monkeypatch, typed: str) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    words = f"{ROOM}={typed.format(tmp_path)}"
    place = tmp_path / ("job 17" if " " in typed else "17" if "$" in typed else "job-17")
    if "$" in typed:
        first = train(*RUN, "resume=auto", words, path=place)
        assert first.code == 0 and "starting a new one" in first.out, first.err
    else:
        copied_run("iris", place)
    killed(place)
    again = train(*RUN, "resume=auto", words, path=place)
    assert again.code == 0 and "resuming after step 10" in again.out, again.err
