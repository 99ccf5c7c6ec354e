"""Answer the settings of Hydra's own sweepers and launchers, as its plugins name them, with those of netyard.

``hydra.sweeper.n_trials=20``, ``hydra/sweeper/sampler=tpe``, ``hydra/launcher=joblib``: each is refused with the whole
command to type, as other tools' words are. A plugin that is installed keeps its own names. Imports no torch.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.util import find_spec

from netyard.config import catalog
from netyard.errors import ConfigError
from netyard.sweeps.arguments import CHOICES, SHORT

_OPTIONS = {  # option of a plugin -> ours
    "hydra/sweeper": {"ax": "optuna", "nevergrad": "optuna"},
    "hydra/launcher": {
        "joblib": "local",
        "multiprocessing": "local",
        "rq": "local",
        "slurm": "submitit_slurm",
        "submitit": "submitit_slurm",
    },
    "hydra.sweeper.sampler": {"nsgaii": "nsga2", "motpe": "tpe", "cma_es": "cmaes", "quasi_random": "qmc"},
    "hydra.sweeper.pruner": {"nop": "none", "successive_halving": "asha", "successivehalving": "asha"},
}
_KEYS = {  # key of a plugin -> ours; {} is the value
    "hydra.sweeper.n_trials": "sweep.num_trials={}",
    "hydra.sweeper.max_trials": "sweep.num_trials={}",
    "hydra.sweeper.ax_config.max_trials": "sweep.num_trials={}",
    "hydra.sweeper.optim.budget": "sweep.num_trials={}",
    "hydra.sweeper.max_batch_size": "sweep.batch_size={}",
    "hydra.sweeper.n_jobs": "launcher.jobs_per_device={}",
    "hydra.sweeper.optim.num_workers": "launcher.jobs_per_device={}",
    "hydra.sweeper.optim.seed": "sweep.seed={}",
    "hydra.sweeper.sampler.seed": "sweep.seed={}",
    "hydra.launcher.n_jobs": "launcher.jobs_per_device={}",
    "hydra.launcher.processes": "launcher.jobs_per_device={}",
    "hydra.launcher.gpus_per_node": "launcher.devices_per_job={}",
}
_NOTES = {  # keys without an equal -> what is said of them
    "hydra.sweeper.direction": "the task knows its metric and direction; another one is 'sweep.objectives=[NAME:max]'",
    "hydra.sweeper.ax_config.experiment": "the objective is set by 'sweep.objectives=[NAME:max]'",
    "hydra.sweeper.max_failure_rate": "a failed job ends no sweep; launcher.max_failures is the number that does",
    "hydra.sweeper.search_space": "an axis is typed as it is, 'optimizer.lr=tag(log,interval(0.001,0.1))'",
    "hydra.sweeper.custom_search_space": "axes that depend on others are written under hydra.sweeper.when of a file",
    "hydra.sweeper.parametrization": "an axis is typed as it is, 'optimizer.lr=tag(log,interval(0.001,0.1))'",
    "hydra.sweeper.optim": "hydra.sweeper.sampler names the algorithm",
    "hydra.launcher.backend": "each job is a process",
    "hydra.launcher.prefer": "each job is a process",
    "hydra.launcher.verbose": "each job has a train.log",
    "hydra.launcher.batch_size": "jobs are started one by one",
    "hydra.launcher.pre_dispatch": "jobs are started one by one",
}
_SUBMITTED = ("partition", "timeout_min", "nodes", "mem_gb", "cpus_per_task", "tasks_per_node", "qos", "account")
_PLUGINS = {"hydra/sweeper": "hydra_{}_sweeper", "hydra/launcher": "hydra_{}_launcher"}


def require(arguments: Sequence[str], program: str) -> None:
    """Refuse a command line with settings of Hydra's own plugins.

    Args:
        arguments: the flags and overrides.
        program: what was typed before them, ``python train.py`` or ``netyard train``.

    Raises:
        ConfigError: with the whole command to type instead.
    """
    chosen = {group: _chosen(group, arguments) for group in _PLUGINS}
    # The keys of a plugin that is installed are right as they are.
    kept = tuple(group for group, option in chosen.items() if _is_installed(group, option))
    words: list[str] = []
    wrong: list[str] = []
    meant: list[str] = []
    notes: list[str] = []
    for text in arguments:
        full = _full_name(text)
        known = full.replace(".", "/").startswith(kept) if kept else False
        found, said = ([text], "") if known else _answer(text, full, chosen["hydra/launcher"])
        words += found
        if found != [text]:
            wrong.append(text.partition("=")[0].lstrip("+") if said else text)
            meant += found
            notes += [said] * bool(said)
    if not wrong:
        return
    second = [f"here {'it is' if len(wrong) == 1 else 'they are'} {' and '.join(dict.fromkeys(meant))}"] * bool(meant)
    wrong = [*dict.fromkeys(wrong)]
    raise ConfigError(
        f"{', '.join(wrong)} {'is a setting' if len(wrong) == 1 else 'are settings'} of Hydra's plugins;",
        f"{'; '.join([*second, *dict.fromkeys(notes)])};",
        f"try {' '.join([program, *map(shlex.quote, dict.fromkeys(words))])}.",
    )


def _full_name(text: str) -> str:
    """Hydra's name of the key of an override: ``hydra.sweeper.keep`` of ``sweep.keep=3``."""
    key = text.partition("=")[0].lstrip("+")
    head, dot, rest = key.partition(".")
    return f"{SHORT[head]}.{rest}" if dot and head in SHORT else CHOICES.get(key, key)


def _answer(text: str, full: str, launcher: str) -> tuple[list[str], str]:
    """The overrides with the effect of one, the same if it is ours, and what is said of it if there are none."""
    _, equals, value = text.partition("=")
    if not equals or not full.startswith(("hydra.", "hydra/")):
        return [text], ""
    if full in ("hydra/sweeper/sampler", "hydra/sweeper/pruner"):
        full = full.replace("/", ".")
        return [f"sweep.{full.rpartition('.')[2]}={_OPTIONS[full].get(value, value)}"], ""
    if full in _OPTIONS and (option := _OPTIONS[full].get(value.lower().strip("'\""))):
        return [f"{full.replace('hydra.sweeper', 'sweep')}={option}"], ""
    for name in ("sampler", "pruner"):  # hydra.sweeper.sampler.n_startup_trials=5
        inside = full.removeprefix(f"hydra.sweeper.{name}.")
        if inside != full and full not in _KEYS:
            return _of_a_class(name, inside, value), ""
    if full in _KEYS:
        return [_KEYS[full].format(value)], ""
    if note := next((said for name, said in _NOTES.items() if f"{full}.".startswith(f"{name}.")), ""):
        return [], note
    if full == "hydra.launcher.timeout_min" and launcher == "local" and value.isdigit():
        return [f"launcher.timeout={60 * int(value)}"], ""
    if full.removeprefix("hydra.launcher.") in _SUBMITTED and launcher == "local":
        return ["hydra/launcher=submitit_slurm", text], ""
    return [text], ""


def _of_a_class(name: str, inside: str, value: str) -> list[str]:
    """The override of a sampler or pruner for a key of the node of Optuna's class."""
    if inside != "_target_":
        return [f"sweep.{name}_options.{inside}={value}"]
    from netyard.run_directories.study import PRUNERS, SAMPLERS

    classes = {text: option for option, text in (SAMPLERS if name == "sampler" else PRUNERS).items()}
    return [f"sweep.{name}={classes.get(value.rpartition('.')[2], value)}"]


def _chosen(group: str, arguments: Sequence[str]) -> str:
    """The option that is typed for a group, or its default."""
    short = {full: name for name, full in CHOICES.items()}[group]
    typed = [text.partition("=")[2] for text in arguments if text.startswith((f"{group}=", f"{short}="))]
    return typed[-1] if typed else {"hydra/launcher": "local", "hydra/sweeper": "grid"}[group]


def _is_installed(group: str, option: str) -> bool:
    """Whether an option is that of an installed plugin of Hydra, and not one of ours."""
    if option in catalog.options(group):
        return False
    return find_spec("hydra_plugins") is not None and bool(
        find_spec(f"hydra_plugins.{_PLUGINS[group].format(option.partition('_')[0])}")
    )
