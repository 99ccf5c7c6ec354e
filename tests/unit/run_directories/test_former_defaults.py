"""A run whose defaults have changed since is continued with those that it was started with."""

from __future__ import annotations

from pathlib import Path

import yaml
from omegaconf import OmegaConf

from netyard.config.compose import compose
from netyard.config.equal_values import same
from netyard.run_directories import former_defaults
from netyard.run_directories.directory import RunDir


def recorded(path: Path, typed: list[str], **changes: object) -> RunDir:
    """A run directory of these overrides, whose config has other values for some keys, and other choices of groups."""
    config, choices = compose(typed)
    for key, value in changes.items():
        if "." in key:
            OmegaConf.update(config, key, value)
        else:
            choices[key] = str(value)
            config[key] = compose([f"{key}={value}"])[0][key]
    hidden = path / ".hydra"
    hidden.mkdir(parents=True)
    (hidden / "config.yaml").write_text(OmegaConf.to_yaml(config), encoding="utf-8")
    (hidden / "overrides.yaml").write_text(yaml.safe_dump(typed), encoding="utf-8")
    (hidden / "hydra.yaml").write_text(yaml.safe_dump({"hydra": {"runtime": {"choices": choices}}}), encoding="utf-8")
    return RunDir(path)


def test_a_run_of_today_needs_nothing(tmp_path: Path) -> None:
    typed = ["model=vae", "hydra.run.dir=x", "optimizer.lr=0.5"]
    assert former_defaults.overrides_of(recorded(tmp_path, typed[:1]), typed[:1]) == []


def test_values_and_options_of_before_are_typed(tmp_path: Path) -> None:
    typed = ["data=iris", "optimizer.lr=0.5"]
    changes = {"trainer.max_epochs": 5, "model.hidden_sizes": [8, 4], "model.pretrained": "old.pt", "scheduler": "step"}
    run = recorded(tmp_path, typed, **changes)
    added = former_defaults.overrides_of(run, typed)
    assert added == [
        "scheduler=step", "trainer.max_epochs=5", "model.hidden_sizes=[8,4]", "model.pretrained=old.pt",
    ]  # fmt: skip
    config = OmegaConf.to_container(compose([*added, *typed])[0])
    assert same(config, run.composed()[0])


def test_an_option_that_is_gone_is_told_when_the_run_is_composed(tmp_path: Path) -> None:
    run = recorded(tmp_path, ["data=iris"])
    assert former_defaults.overrides_of(run, ["data=no_such_data"]) == []
    assert former_defaults.overrides_of(RunDir(tmp_path / "empty"), ["data=iris"]) == []
