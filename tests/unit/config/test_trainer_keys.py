"""The arguments of Lightning's Trainer: durations, those that are refused, and settings that exclude each other."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from lightning import Trainer

from netyard.config import constraints, suggest, trainer_keys
from netyard.config.catalog import option_file

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:12:00:00", 12 * 3600),
        ("1:02:03:04", 86400 + 2 * 3600 + 3 * 60 + 4),
        ("1-00:00:01", 86401),
        ("00:00:05", 5),
        ("90s", 90),
        ("1h30m", 5400),
        ("2d", 2 * 86400),
        ("1.5h", 5400),
        ("2 h 30 min", 9000),
        ("1.2.3h", None),
        ("20min", 1200),
        ({"hours": 1, "seconds": 5}, 3605),
        ({"hour": 1}, None),
        ({"hours": "one"}, None),
        ("00:01", None),
        ("60", None),
        (60, None),
        ("0s", None),
        ("", None),
        ("-5m", None),
        ("soon", None),
    ],
    ids=str,
)
def test_durations(text: Any, seconds: float | None) -> None:
    assert trainer_keys.seconds(text) == seconds


def test_every_argument_of_the_trainer_is_a_key_or_has_an_answer() -> None:
    """A new version of Lightning with another argument makes this fail, and asks what the argument is to do."""
    keys = {*option_file("trainer", "auto")}
    for name in inspect.signature(Trainer.__init__).parameters:
        assert name == "self" or (name in keys) is not (name in trainer_keys.REFUSED), name
    known = {*constraints.of("lightning.Trainer")}
    assert {key for key in keys if not key.startswith("_")} == known


@pytest.mark.parametrize("name", trainer_keys.REFUSED)
def test_an_argument_that_no_run_takes_is_answered(name: str, train) -> None:
    reason, instead = trainer_keys.REFUSED[name]
    message = f"there is no key 'trainer.{name}'; {reason}; try {instead}."
    ran = train(*RUN, f"+trainer.{name}=1")  # without the plus some are answered with the whole command
    assert ran.code == 2 and message in ran.err
    assert str(suggest.no_such_key(f"trainer.{name}", f"trainer.{name}=1", [])) == message


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            "trainer.max_time=60",
            "max_time is 60; it is a duration above 0: DD:HH:MM:SS, or a number with d, h, m or s;",
        ),
        (
            "trainer.enable_checkpointing=false",
            "enable_checkpointing is false; a run is tested with its best checkpoint",
        ),
        ("trainer.use_distributed_sampler=true", "netyard's loaders split each batch"),
        ("trainer.sync_batchnorm=true", "statistics are shared among GPUs only; try trainer.sync_batchnorm=false"),
        ("trainer.precision=16-true", "on the CPU it is 32-true, 64-true, bf16-mixed or bf16-true;"),
        ("trainer.limit_train_batches=0", "try trainer.max_epochs=0, which tests the network as it is"),
        ("trainer.limit_val_batches=0", "try data.val_fraction=0, which trains without validation"),
        ("trainer.limit_test_batches=0.0", "try trainer.test=false, which trains without the test"),
        ("trainer.check_val_every_n_epoch=null", "try trainer.val_check_interval=1000 beside it"),
        ("trainer.max_epochs=null", "a run needs an end; try trainer.max_epochs=10"),
        (
            "trainer.min_epochs=9 trainer.max_epochs=5",
            "min_epochs is 9, and trainer.max_epochs is 5; the least is not above the most;",
        ),
        ("trainer.min_steps=9 trainer.max_steps=8", "try trainer.max_steps=9."),
        ("optimizer=lbfgs trainer.accumulate_grad_batches=2", "the optimizer is L-BFGS;"),
        ("trainer.strategy=dpp", "it must be one of auto, ddp,"),
        ("trainer.profiler=xla", "it must be one of simple, advanced, pytorch, or null;"),
        ("trainer.val_check_interval=00:10:00:00", "it must be a number above 0, whole if above 1, or null;"),
        ("trainer.schedule=longer", "it must be one of stretch, keep, or null;"),
        ("+trainer.val_check_interval=5", "a plus is for keys that the config does not have; try trainer.val_check"),
        ("+trainer.foo=5", "there is no key 'trainer.foo'; trainer has accelerator, "),
    ],
)
def test_a_setting_that_no_run_can_have_is_refused(words: str, message: str, train) -> None:
    ran = train(*RUN, *words.split())
    assert ran.code == 2 and message in ran.err, ran.err
