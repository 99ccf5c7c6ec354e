"""Settings of Hydra's own sweepers and launchers, each with the command that works."""

from __future__ import annotations

import shlex

import pytest

from netyard.cli import plugin_words
from netyard.errors import ConfigError

PROGRAM = "python train.py"
OPTUNA = "-m hydra/sweeper=optuna optimizer.lr=0.1,0.2"


def answer(typed: str) -> str:
    """What is told to type; empty if nothing is refused."""
    try:
        plugin_words.require(shlex.split(typed), PROGRAM)
    except ConfigError as error:
        assert error.given and error.allowed
        return error.type_this.removeprefix("try ").removesuffix(".")
    return ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (f"{OPTUNA} hydra.sweeper.n_trials=20", f"{OPTUNA} sweep.num_trials=20"),
        (
            f"{OPTUNA} sweep.n_trials=20 hydra.sweeper.n_jobs=4",
            f"{OPTUNA} sweep.num_trials=20 launcher.jobs_per_device=4",
        ),
        (f"{OPTUNA} hydra.sweeper.direction=maximize", OPTUNA),
        (f"{OPTUNA} 'hydra.sweeper.direction=[maximize,minimize]'", OPTUNA),
        (f"{OPTUNA} hydra.sweeper.max_failure_rate=0.5", OPTUNA),
        (f"{OPTUNA} '+hydra.sweeper.search_space={{optimizer.lr:{{type:float}}}}'", OPTUNA),
        (f"{OPTUNA} hydra/sweeper/sampler=tpe", f"{OPTUNA} sweep.sampler=tpe"),
        (f"{OPTUNA} hydra/sweeper/sampler=nsgaii", f"{OPTUNA} sweep.sampler=nsga2"),
        (f"{OPTUNA} hydra.sweeper.sampler.seed=3", f"{OPTUNA} sweep.seed=3"),
        (f"{OPTUNA} hydra.sweeper.sampler.n_startup_trials=5", f"{OPTUNA} sweep.sampler_options.n_startup_trials=5"),
        (f"{OPTUNA} hydra.sweeper.sampler._target_=optuna.samplers.CmaEsSampler", f"{OPTUNA} sweep.sampler=cmaes"),
        ("-m hydra/sweeper=ax seed=0,1", "-m hydra/sweeper=optuna seed=0,1"),
        (
            "-m hydra/sweeper=nevergrad hydra.sweeper.optim.budget=9 seed=0,1",
            "-m hydra/sweeper=optuna sweep.num_trials=9 seed=0,1",
        ),
        ("-m hydra.sweeper.max_batch_size=2 seed=0,1", "-m sweep.batch_size=2 seed=0,1"),
        (
            "-m hydra/launcher=joblib hydra.launcher.n_jobs=2 seed=0,1",
            "-m hydra/launcher=local launcher.jobs_per_device=2 seed=0,1",
        ),
        ("-m launcher=joblib seed=0,1", "-m hydra/launcher=local seed=0,1"),
        ("-m hydra/launcher=slurm seed=0,1", "-m hydra/launcher=submitit_slurm seed=0,1"),
        (
            "-m hydra.launcher.partition=gpu seed=0,1",
            "-m hydra/launcher=submitit_slurm hydra.launcher.partition=gpu seed=0,1",
        ),
        ("-m hydra.launcher.timeout_min=3 seed=0,1", "-m launcher.timeout=180 seed=0,1"),
        ("--config-dir conf -m sweep.n_trials=2 seed=0,1", "--config-dir conf -m sweep.num_trials=2 seed=0,1"),
    ],
)
def test_a_setting_of_a_plugin_has_its_equal_here(typed: str, meant: str) -> None:
    assert answer(typed) == f"{PROGRAM} {meant}"
    assert answer(meant) == ""


@pytest.mark.parametrize(
    "typed",
    [
        "-m hydra/sweeper=optuna sweep.num_trials=3 sweep.sampler=tpe sweep.sampler_options.seed=3 seed=0,1",
        "-m hydra/launcher=basic seed=0,1",
        "-m hydra/launcher=local launcher.timeout=3 hydra.launcher.retries=1 seed=0,1",
        "-m hydra.sweeper.params.optimizer.lr=0.1,0.2 ++hydra.sweeper.when={} hydra.sweep.dir=x",
        "model=mlp seed=0 hydra.run.dir=x",
        "-m resume=auto",
    ],
)
def test_what_is_ours_or_hydras_is_understood(typed: str) -> None:
    assert answer(typed) == ""


def test_an_installed_plugin_keeps_its_names() -> None:
    pytest.importorskip("hydra_plugins.hydra_submitit_launcher")
    assert answer("-m hydra/launcher=submitit_local hydra.launcher.timeout_min=3 hydra.launcher.partition=x") == ""
