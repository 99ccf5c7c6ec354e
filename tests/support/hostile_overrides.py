"""Words of a command line that name code to run, and whether ``train.py`` followed one of them anywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from support.command_result import Ran
from support.hostile_payloads import pickles

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=1", "logger=none")
_ONE = [
    "model._target_=os.system",
    "task._target_=subprocess.run",
    "data._target_=netyard.config.instantiate.build",
    "optimizer._target_=torch.hub.load",
    "loss._target_=logging.os.system",
    "+callbacks.mine={_target_:builtins.eval,_args_:[1]}",
    "+callbacks.mine._target_=hydra.experimental.callbacks.PickleJobInfoCallback",
    "trainer.strategy={_target_:os.system,command:ls}",
    "trainer._target_=lightning.pytorch.cli.LightningCLI",
    "+model.extra=[{_target_:os.system}]",
    "model._target_=${oc.env:HOME}",
    "model._target_=${data._target_}",
    "data.id=antigravity:Env-v0",
    "hydra.launcher._target_=os.system",
    "hydra.sweeper._target_=os.system",
    "+hydra.callbacks.mine={_target_:os.system,command:ls}",
    "+hydra.callbacks.mine._target_=hydra.experimental.callbacks.PickleJobInfoCallback",
    "hydra/job_logging=default hydra.job_logging.handlers.console.class=os.system",
    "hydra/job_logging=default +hydra.job_logging.handlers.console.()=os.system",
    "hydra/job_logging=default +hydra.job_logging.filters.x={\"()\":subprocess.Popen}",
    "hydra/job_logging=default hydra.job_logging.handlers.console.stream=ext://os.environ",
    "hydra/job_logging=default +hydra.job_logging.formatters.simple.class=code.InteractiveConsole",
    "hydra.hydra_logging.handlers.console.class=logging.config.fileConfig",
    "hydra.hydra_logging.handlers.console.stream=cfg://handlers",
    "+hydra.job.env_set.PATH=canary",
    "+hydra.job.env_set.LD_PRELOAD=canary.so",
    "hydra.searchpath=[pkg://antigravity]",
    "--experimental-rerun=canary.pickle",
    "--experimental-r=canary.pickle",
    "--config-dir=pkg://antigravity",
]  # fmt: skip
# Those of the launcher and the like are followed in sweeps, if anywhere.
OVERRIDES = [[*flags, each] for each in _ONE for flags in ([], ["-m"])[: 1 + each.startswith(("hydra.", "model"))]]


def followed_nowhere(train: Callable[..., Ran], words: list[str], canary: Path, place: Path) -> bool:
    """Return whether overrides were refused without any effect; ``canary`` is a file that they would create."""
    (Path.cwd() / "canary.pickle").write_bytes(next(pickles("os.mkdir", [str(canary)])))
    *flags, text = words
    company = ("data=gym", "model=dqn", "threads=1") if text.startswith("data.id") else RUN
    typed = text.split(" ") if text.startswith("hydra/") else [text]
    before = set(sys.modules)
    where = f"hydra.{'sweep' if flags else 'run'}.dir={place}"
    ran = train(*flags, *company, *typed, "hydra/launcher=basic", where)
    assert ran.code in (2, 7), (words, ran)
    assert not {"antigravity", "cli"} & (set(sys.modules) - before)
    return not canary.exists() and not list(place.rglob("results.json"))
