"""A run goes on as the experiment it was begun as, or not at all; ``resume=auto`` finds the one that is meant."""

from __future__ import annotations

import contextlib
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from netyard.config import hydra_internals
from netyard.errors import CheckpointError, ConfigError
from netyard.run_directories import resume
from netyard.run_directories.directory import RunDir
from netyard.sweeps.ledger import Ledger


def test_auto_of_a_sweep_is_the_newest_of_the_same_command(train, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NETYARD_OUTPUTS", str(tmp_path / "outputs"))
    for day, seeds in (("1", "1,2"), ("2", "1,2"), ("3", "1,2,3")):
        folder = tmp_path / "outputs" / "sweeps" / day / "12-00-00"
        folder.mkdir(parents=True)
        ledger = Ledger(folder, ["model=mlp", f"seed={seeds}"], "grid", {}, [], [], state="completed", started=day)
        ledger.write()
    found = train("-m", "model=mlp", "seed=1,2", "resume=auto")
    assert found.code == 0 and "sweeps/2/12-00-00 is finished already" in found.out, found.err
    there = train("-m", "model=mlp", "resume=auto", f"hydra.sweep.dir={tmp_path}/outputs/sweeps/3/12-00-00")
    assert there.code == 0 and "sweeps/3/12-00-00 is finished already" in there.out, there.err
    none = train("-m", "model=mlpp", "seed=1,2", "resume=auto")
    assert none.code == 2 and "starting a new one" in none.out


def run_of(path: Path, config: DictConfig, started: str, state: str = "interrupted", begun: bool = True) -> Path:
    """A run's directory, begun with a config as it was composed."""
    (path / ".hydra").mkdir(parents=True)
    (path / ".hydra" / "config.yaml").write_text(hydra_internals.masked_yaml(config), encoding="utf-8")
    (path / ".hydra" / "overrides.yaml").write_text("- model=mlp\n- resume=old\n- seed=3\n", encoding="utf-8")
    (path / "status.json").write_text(json.dumps({"state": state, "started": started}), encoding="utf-8")
    if begun:
        (path / "checkpoints").mkdir()
        (path / "checkpoints" / "last.ckpt").touch()
    return path


CONFIG = OmegaConf.create({"seed": 3, "resume": "auto", "model": {"size": "${seed}"}})


def test_newest_run_of_the_same_config_is_resumed(tmp_path: Path) -> None:
    assert resume.find_newest(CONFIG, tmp_path) is None
    first = run_of(tmp_path / "day" / "one", CONFIG, "2026-01-02")
    assert resume.find_newest(CONFIG, tmp_path) == first
    second = run_of(tmp_path / "two", CONFIG, "2026-01-03", "completed")
    (second / ".hydra" / "config.yaml").write_text(
        hydra_internals.masked_yaml(CONFIG).replace("auto", "null"), encoding="utf-8"
    )
    assert resume.find_newest(CONFIG, tmp_path) == second, "whichever run it was to continue, and finished too"
    run_of(tmp_path / "three", CONFIG, "2026-01-04", begun=False)
    run_of(tmp_path / "a" / "b" / "c", CONFIG, "2026-01-05")
    run_of(tmp_path / "other", OmegaConf.create({**CONFIG, "seed": 4}), "2026-01-06")
    (tmp_path / "broken" / ".hydra" / "config.yaml").mkdir(parents=True)
    assert resume.find_newest(CONFIG, tmp_path) == second
    (second / "status.json").unlink()
    assert resume.find_newest(CONFIG, tmp_path) == first, "a run that does not say when it began comes last"


def test_resumed_run_has_saved_and_new_overrides(tmp_path: Path) -> None:
    path = run_of(tmp_path / "run", CONFIG, "2026-01-02")
    run = RunDir(path)
    begun = ["model=mlp", "seed=3"]
    there = [f"resume={path}", f"hydra.run.dir={path}"]
    assert resume.continuation_overrides(run, ["resume=x", f"hydra.run.dir={path}"]) == [*begun, *there]
    assert resume.continuation_overrides(run, ["resume=x", "trainer.max_epochs=9"]) == [
        *begun,
        "trainer.max_epochs=9",
        *there,
    ]
    run_of(tmp_path / "finished", CONFIG, "2026-01-02", "completed")
    assert resume.continuation_overrides(RunDir(tmp_path / "finished"), ["resume=x"]) == []
    assert "seed=4" in resume.continuation_overrides(RunDir(tmp_path / "finished"), ["resume=x", "seed=4"])
    (path / "sweep.json").touch()
    with pytest.raises(CheckpointError, match="contains a sweep, not a run"):
        resume.continuation_overrides(run, [])


def test_auto_means_the_directory_that_is_named_or_the_newest_run(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NETYARD_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.setenv("JOB", "7")
    newest = run_of(tmp_path / "outputs" / "day" / "one", CONFIG, "2026-01-02")
    named = run_of(tmp_path / "job-7", CONFIG, "2026-01-01")
    assert resume.find_auto(["seed=3"], CONFIG) == newest
    assert resume.find_auto([f"hydra.run.dir={named}"], CONFIG) == named
    assert resume.find_auto([f"hydra.run.dir='{tmp_path}/job-${{oc.env:JOB}}'"], CONFIG) == named
    assert resume.find_auto([f"hydra.run.dir='{tmp_path}/${{now:%H}}'"], CONFIG) is None
    assert resume.find_auto([f"hydra.run.dir={tmp_path}/new"], CONFIG) is None


NOW = {
    "seed": 3,
    "tags": [],
    "model": {"size": 5},
    "data": {"root": "here", "path": None, "batch_size": 64},
    "task": {"net": {"size": 5}},
    "trainer": {"max_epochs": 3, "precision": "32", "performance": "safe"},
    "optimizer": {"lr": 0.1},
}
OPTIONS = {"model": "mlp", "data": "digits", "trainer": "cpu", "hydra/launcher": "basic"}


def changed(key: str, value: object) -> dict[str, Any]:
    """The config with another value at a dotted key."""
    config = copy.deepcopy(NOW)
    *groups, name = key.split(".")
    place: dict[str, Any] = config
    for group in groups:
        place = place[group]
    place[name] = value
    return config


def required(config: dict[str, Any], tmp_path: Path, **options: str) -> list[str]:
    recorded = {"config": NOW, "choices": OPTIONS}
    return resume.require_same(recorded, config, {**OPTIONS, **options}, RunDir(tmp_path / "run"))


@pytest.mark.parametrize(
    ("key", "value", "was"),
    [
        ("trainer.max_epochs", 9, "3"),
        ("tags", ["a"], "[]"),
        ("data.root", "there", "here"),
        ("threads", 4, "null"),
        ("trainer.devices", 2, "null"),
        ("data.num_workers", 2, "null"),
        ("callbacks", "none", "null"),
    ],
)
def test_allowed_changes_are_returned(tmp_path: Path, key: str, value: object, was: str) -> None:
    assert required(changed(key, value), tmp_path) == [f"{key}={value} instead of {was}"]


def test_a_key_that_is_younger_than_the_run_has_the_default_of_its_class(tmp_path: Path) -> None:
    node = {"_target_": "netyard.data.tables.csv_file.CSVFile", "path": "a.csv", "target": "price"}
    trainer = NOW["trainer"]
    recorded = {"config": {"data": node, "trainer": trainer}, "choices": {}}

    def now(sampler: str) -> list[str]:
        config = {"data": {**node, "sampler": sampler}, "trainer": trainer}
        return resume.require_same(recorded, config, {}, RunDir(tmp_path))

    assert now("uniform") == []
    with pytest.raises(ConfigError, match=r"data\.sampler changed from null to balanced"):
        now("balanced")


def test_no_change_returns_an_empty_list(tmp_path: Path) -> None:
    assert required(NOW, tmp_path) == []
    assert required(changed("resume", "run"), tmp_path) == []
    assert required(NOW, tmp_path, trainer="gpu") == []
    old = changed("seed", 3)
    del old["trainer"]["performance"]  # a run of before there was a choice
    recorded = {"config": old, "choices": OPTIONS}
    assert resume.require_same(recorded, NOW, OPTIONS, RunDir(tmp_path)) == []


@pytest.mark.parametrize("key", resume.ADDED)
def test_a_run_from_before_a_key_existed_is_resumed_with_its_default(tmp_path: Path, key: str) -> None:
    group, _, name = key.partition(".")
    now = {**NOW, group: {**NOW.get(group, {}), name: True}}
    assert resume.require_same({"config": NOW, "choices": OPTIONS}, now, OPTIONS, RunDir(tmp_path)) == []
    with pytest.raises(ConfigError, match=rf"{key} changed from False to True"):
        before = {**now, group: {**now[group], name: False}}
        resume.require_same({"config": before, "choices": OPTIONS}, now, OPTIONS, RunDir(tmp_path))


@pytest.mark.parametrize(
    ("key", "value", "was"),
    [
        ("seed", 4, "3"),
        ("optimizer.lr", 0.2, r"0\.1"),
        ("data.batch_size", 32, "64"),
        ("data.path", "there", "null"),
        ("data.root", None, "here"),
        ("tagsoup", 1, "null"),
        ("trainer.precision", "bf16", "32"),
        ("trainer.performance", "max", "safe"),
        ("trainer.val_check_interval", 5, "1.0"),
        ("trainer.fast_dev_run", 2, "False"),
        ("trainer.sync_batchnorm", 2, "False"),
        *((key, 1, "null") for key in resume.BOUND if key[8:] not in {"precision", *resume.TRAINER}),
    ],
)
def test_change_of_the_experiment_is_refused(tmp_path: Path, key: str, value: object, was: str) -> None:
    now = "null" if value is None else value
    with pytest.raises(ConfigError, match=rf"cannot resume .*run: {key} changed from {was} to {now};"):
        required(changed(key, value), tmp_path)


def test_one_batch_is_not_all_of_them_but_one_rate_is_one_rate(tmp_path: Path) -> None:
    config = {"trainer": {"_target_": "lightning.Trainer", "performance": "safe", "limit_train_batches": 1}}
    config["trainer"]["gradient_clip_val"] = 1
    recorded = {"config": config, "choices": {}}
    rate = {"trainer": config["trainer"] | {"gradient_clip_val": 1.0}}
    assert resume.require_same(recorded, rate, {}, RunDir(tmp_path)) == []
    share = {"trainer": config["trainer"] | {"limit_train_batches": 1.0}}
    with pytest.raises(ConfigError, match=r"limit_train_batches changed from 1 to 1.0"):
        resume.require_same(recorded, share, {}, RunDir(tmp_path))


def test_at_most_three_changes_are_reported_by_the_typed_key(tmp_path: Path) -> None:
    config = changed("model.size", 6)
    config["task"] = {"net": {"size": 6}}
    message = r": model changed from mlp to cnn, model\.size changed from 5 to 6, task\.net\.size changed from 5 to 6;"
    with pytest.raises(ConfigError, match=message):
        required(config, tmp_path, model="cnn")
    config["seed"] = 4
    message = r": model changed from mlp to cnn, seed changed from 3 to 4, model\.size changed from 5 to 6, \.\.\.;"
    with pytest.raises(ConfigError, match=message):
        required(config, tmp_path, model="cnn")


def test_bound_and_free_keys() -> None:
    """The groups and keys of the documentation of a resumed run; another list is another promise."""
    assert {key.removeprefix("trainer.") for key in resume.BOUND} == {
        *("precision", "performance", "accumulate_grad_batches", "gradient_clip_val", "gradient_clip_algorithm"),
        *("limit_train_batches", "limit_val_batches", "overfit_batches", "fast_dev_run", "sync_batchnorm"),
        *("val_check_interval", "check_val_every_n_epoch"),
    }


@pytest.mark.parametrize(
    ("key", "value", "follows"),
    [
        ("scheduler._target_", "netyard.optim.schedules.cosine", r"scheduler=cosine"),
        ("task.epsilon_fraction", 0.3, r"task\.epsilon_fraction"),
        ("task.kl_warmup", 0.1, r"task\.kl_warmup"),
    ],
)
def test_another_length_under_a_schedule_needs_a_word(key: str, value: object, follows: str, tmp_path: Path) -> None:
    group, _, name = key.partition(".")
    recorded = {"trainer": {"max_epochs": 2, "schedule": None}, group: {name: value}}
    both = {"config": recorded, "choices": {"scheduler": "cosine"}}
    for word in (None, "stretch", "keep"):
        config = copy.deepcopy(recorded)
        config["trainer"] |= {"max_epochs": 3, "schedule": word}
        expected = pytest.raises(ConfigError, match=rf"max_epochs changed from 2 to 3, and {follows} follows")
        with expected if word is None else contextlib.nullcontext():
            resume.require_same(both, config, {"scheduler": "cosine"}, RunDir(tmp_path))
    constant = {"scheduler": {"_target_": "netyard.optim.schedules.constant"}, "trainer": {"max_epochs": 2}}
    longer = {**constant, "trainer": {"max_epochs": 3}}
    changes = resume.require_same({"config": constant, "choices": {}}, longer, {}, RunDir(tmp_path))
    assert changes == ["trainer.max_epochs=3 instead of 2"]


def test_a_run_from_before_a_key_of_the_trainer_existed_is_resumed(tmp_path: Path) -> None:
    recorded = {"config": {"trainer": {"max_epochs": 2}}, "choices": {}}
    config = {"trainer": {"max_epochs": 2, "val_check_interval": 1.0, "max_time": None, "enable_progress_bar": True}}
    assert resume.require_same(recorded, config, {}, RunDir(tmp_path)) == []
    config["trainer"]["val_check_interval"] = 0.5
    with pytest.raises(ConfigError, match=r"val_check_interval changed from 1\.0 to 0\.5"):
        resume.require_same(recorded, config, {}, RunDir(tmp_path))


def test_a_key_of_the_trainer_that_was_added_with_a_plus_is_resumed(tmp_path: Path) -> None:
    (tmp_path / ".hydra").mkdir()
    (tmp_path / ".hydra" / "overrides.yaml").write_text("- +trainer.val_check_interval=5\n- seed=3\n", encoding="utf-8")
    assert RunDir(tmp_path).overrides() == ["++trainer.val_check_interval=5", "seed=3"]


def test_a_run_from_before_series_had_dates_reads_its_rows_in_order(tmp_path: Path) -> None:
    for target, keys, wanted in (
        ("netyard.data.series.series.Series", {"season": 12}, ["data.date=none", "data.season=12"]),
        ("netyard.data.series.series.Series", {"season": None, "date": None}, []),
        ("netyard.data.tables.csv_file.CSVFile", {}, []),
    ):
        config = {"data": {"_target_": target, **keys}}
        (tmp_path / ".hydra").mkdir(exist_ok=True)
        (tmp_path / ".hydra" / "config.yaml").write_text(OmegaConf.to_yaml(OmegaConf.create(config)))
        assert resume._of_older_series(RunDir(tmp_path)) == wanted
