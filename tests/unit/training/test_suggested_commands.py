"""Commands that a run prints can be typed again, and compose to what they say."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest
import yaml

from netyard.config import allowlist
from netyard.config.compose import Sources, compose, opened
from netyard.run_directories.directory import RunDir
from netyard.training import suggested_commands


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Writes a run directory in the working folder that was started with these overrides."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["netyard"])
    monkeypatch.setattr(suggested_commands, "program", lambda name: name)

    def made(*typed: str, name: str = "run", data: str = "iris") -> RunDir:
        hydra = tmp_path / name / ".hydra"
        hydra.mkdir(parents=True)
        (hydra / "config.yaml").write_text("{}", encoding="utf-8")
        choices = {"data": data, "task": "classification"}
        (hydra / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"runtime": {"choices": choices}}}))
        (hydra / "overrides.yaml").write_text(yaml.safe_dump(list(typed)), encoding="utf-8")
        return RunDir(Path(name))

    return made


def test_a_new_run_has_the_overrides_of_the_old_one_but_for_those_that_change(run_dir) -> None:
    typed = ("model=mlp", "optimizer.lr=1", "trainer.max_epochs=3", "hydra.run.dir=run", "tags=[a,b]", "optimizer=sgd")
    command = suggested_commands.again(run_dir(*typed), ["optimizer.lr=0.1", "optimizer=adam"])
    assert command == ("netyard train model=mlp trainer.max_epochs=3 'tags=[a,b]' optimizer.lr=0.1 optimizer=adam")
    config, choices = compose(shlex.split(command)[2:])
    assert (config.optimizer.lr, choices["optimizer"]) == (0.1, "adam")


def test_a_run_with_a_space_in_its_name_is_continued(run_dir) -> None:
    command = suggested_commands.resume(run_dir(name="my run"), "trainer.max_epochs=10")
    assert shlex.split(command) == ["netyard", "train", "resume='my run'", "trainer.max_epochs=10"]


def test_sources_and_allowed_classes_are_named_again(run_dir, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    allowlist.allow(["mine.Net"])
    try:
        with opened(Sources(config_dir="own")):
            made = run_dir("model=mine")
            flags = "--config-dir=own", "--allow-target=mine.Net"
            assert (
                suggested_commands.again(made, ["seed=1"]) == f"netyard train {flags[0]} model=mine seed=1 {flags[1]}"
            )
            assert suggested_commands.baseline(made) == f"netyard baseline {flags[0]} model=mine {flags[1]}"
    finally:
        allowlist.allow([])


def test_what_is_better_is_the_recipe_of_the_data_or_models_without_a_network(run_dir) -> None:
    better = suggested_commands.better
    digits = run_dir("model=mlp", "data.subset=500", "seed=1", data="digits")
    assert better(digits) == "netyard train experiment=cnn_digits data.subset=500"
    assert compose(shlex.split(better(digits))[2:])[1]["model"] == "cnn"
    assert better(run_dir("experiment=cnn_digits", name="recipe", data="digits")).startswith("netyard baseline")
    assert better(run_dir("data=iris", name="other")) == "netyard baseline data=iris"
