"""Jobs suggested by Optuna from earlier results. Akiba et al. 2019, arXiv:1907.10902. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import math
import os
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from netyard.errors import ConfigError
from netyard.io import redact
from netyard.io.atomic import write_atomically
from netyard.ranges.bounds import Count
from netyard.ranges.signature import check
from netyard.run_directories import study as named
from netyard.sweeps.ledger import Job, differences
from netyard.sweeps.search.space import Space

IDENTITY = "study.json"  # in the sweep's directory: the id that marks this sweep's trials in a shared study
DIRECTIONS = {"max": "maximize", "min": "minimize"}
OF_THE_MACHINE = (  # settings that may differ between the machines that share a study
    *("trainer", "trainer.accelerator", "trainer.devices", "trainer.num_nodes", "trainer.strategy"),
    *("trainer.enable_progress_bar", "threads", "tags", "diagnostics", "logger", "data.num_workers", "data.cache"),
)
STALE = timedelta(minutes=5)  # a trial without a job number after this long: its sweep was killed


class OptunaSearch:
    """A search through Optuna's ask-and-tell interface.

    Each trial stores its sweep and job number as user attributes, so that a resumed sweep finds its own trials, and
    several sweeps on any machines can share a study; ``num_trials`` then counts the jobs of all of them.

    Args:
        directions: ``max`` or ``min`` for each objective.
        storage: a database's URL; None is a file in the sweep's directory.
        metric: the metric a pruner compares; None means the run's own monitor.
        folder: the sweep's directory.

    Raises:
        ConfigError: a sampler, pruner or option that does not exist, or does not fit the objectives; the study belongs
            to another search space.
        PlatformError: Optuna is not installed, or the storage cannot be reached.
    """

    def __init__(
        self,
        space: Space,
        directions: Sequence[str],
        num_trials: Count,
        seed: int,
        sampler: str = "tpe",
        sampler_options: Mapping[str, Any] | None = None,
        pruner: str = "none",
        pruner_options: Mapping[str, Any] | None = None,
        storage: str | None = None,
        study_name: str | None = None,
        metric: str | None = None,
        *,
        folder: Path,
    ) -> None:
        check(OptunaSearch, locals(), "hydra.sweeper")
        self._optuna = named.optuna()
        self._require_fit(sampler, pruner, directions)
        self.space, self.num_trials = space, num_trials
        self.pruner, self.pruner_options, self.metric = pruner, dict(pruner_options or {}), metric
        self.shared = storage is not None  # a database of the user's, in which other sweeps may have the same study
        self.storage = storage or f"sqlite:///{folder.resolve() / 'study.db'}"
        os.environ[named.STORAGE] = self.storage  # jobs check job.json against it, see study.trusted_url
        self.study_name = study_name or (f"{folder.parent.name}-{folder.name}" if self.shared else "sweep")
        folder.mkdir(parents=True, exist_ok=True)
        self.sweep = _identity(folder)
        # Created before the study: a wrong option must not leave an empty study in the database.
        made = named.pruner(pruner, self.pruner_options)
        with named.alone(self.storage):  # several sweeps may start one study together
            self._study = self._optuna.create_study(
                storage=named.storage(self.storage),
                study_name=self.study_name,
                directions=[DIRECTIONS[direction] for direction in directions],
                pruner=made,
                load_if_exists=True,
            )
            self._require_same(directions)
        fresh = self._fresh_seed(seed)
        self._study.sampler = named.sampler(
            sampler,
            sampler_options or {},
            # A quasi-random sequence needs the same seed on every resume; its position follows from the study's trials.
            seed=seed if sampler == "qmc" else fresh,
            # Multivariate TPE models all axes jointly, which needs the same axes in every trial.
            multivariate=not space.conditional,
            # Trials that still run count as bad ones, so that parallel jobs do not all get the same parameters.
            constant_liar=True,
            # For axes that are not in every trial, which samplers such as CMA-ES leave to another one.
            independent_sampler=self._optuna.samplers.RandomSampler(seed=fresh),
        )

    def require_room(self) -> None:
        """See ``grid.Search``."""
        if self.shared and (count := self._count()) >= self.num_trials:
            raise ConfigError(
                f"study '{self.study_name}' is full: it has {count} trials, and num_trials is {self.num_trials};",
                "num_trials counts the jobs of all sweeps that share a study;",
                f"try hydra.sweeper.num_trials={count + self.num_trials}, or another hydra.sweeper.study_name.",
            )

    def remark(self) -> str:
        """See ``grid.Search``."""
        if not self.shared or (count := self._count()) < self.num_trials:
            return ""
        return f"study '{self.study_name}' is full: it has {count} trials, {len(self._trials())} of them of this sweep"

    def ask(self, number: int) -> list[str] | None:
        # A private study counts by the ledger, so that a deleted study.db does not restart the sweep.
        if (self._count() if self.shared else number) >= self.num_trials:
            return None
        trial = self._study.ask()
        # Stored before the parameters are drawn: a driver that is killed from here on leaves a trial that can be found.
        trial.set_user_attr("sweep", self.sweep)
        trial.set_user_attr("job", number)
        # Counting and asking are not one transaction: another sweep may have taken the last place in between. The
        # database numbers the trials, so all sweeps agree on which of them are too many.
        if self.shared and self._count(before=trial.number) >= self.num_trials:
            self._lose(trial.number)
            return None
        return self.space.suggest(trial)

    def tell(self, job: Job) -> None:
        """Report a job: completed with its values, pruned, or failed. A NaN value counts as failed: Optuna refuses NaN.

        The trial of an interrupted job stays open, because the job may be resumed. A failed job that succeeded on a
        retry becomes a new trial with the same parameters, because Optuna does not reopen finished trials.
        """
        trial = self._trials().get(job.number)
        state = self._state(job)
        if trial is None or state is None:
            return
        values = job.values if state == self._optuna.trial.TrialState.COMPLETE else None
        if not trial.state.is_finished():
            self._study.tell(trial.number, values, state=state)
        elif trial.state == self._optuna.trial.TrialState.FAIL and values is not None:
            self._study.add_trial(
                self._optuna.trial.create_trial(
                    state=state,
                    values=values,
                    params=trial.params,
                    distributions=trial.distributions,
                    user_attrs=trial.user_attrs,
                )
            )

    def restore(self, jobs: Sequence[Job]) -> None:
        """Update the study from the ledger; trials whose job the ledger lacks are closed and not counted."""
        known = {job.number for job in jobs}
        for job in jobs:
            self.tell(job)
        running = self._study.get_trials(deepcopy=False, states=[self._optuna.trial.TrialState.RUNNING])
        for trial in running:
            job = trial.user_attrs.get("job")
            own_trial = trial.user_attrs.get("sweep") == self.sweep or not self.shared
            if (job not in known) if own_trial else (job is None and _is_stale(trial)):
                self._lose(trial.number)

    def study(self, number: int) -> dict[str, Any] | None:
        """The arguments of ``netyard.callbacks.optuna_pruning.Pruning`` for a job; None if it is not to be pruned.

        A retried job has no open trial, so it is not pruned.
        """
        trial = self._trials().get(number)
        if self.pruner == "none" or trial is None or trial.state.is_finished():
            return None
        return {
            "storage": self.storage,
            "study_name": self.study_name,
            "trial": trial.number,
            "pruner": self.pruner,
            "pruner_options": self.pruner_options,
            "monitor": self.metric,
        }

    def _state(self, job: Job) -> Any:
        """The trial state that corresponds to a job's state; None while the job has not ended."""
        states = self._optuna.trial.TrialState
        if job.state == "completed":
            values = job.values or []
            usable = len(values) == len(self._study.directions) and all(map(_is_finite, values))
            return states.COMPLETE if usable else states.FAIL
        return {"failed": states.FAIL, "pruned": states.PRUNED}.get(job.state)

    def _trials(self) -> dict[int, Any]:
        """The newest trial of each job of this sweep."""
        return {
            trial.user_attrs["job"]: trial
            for trial in self._counted()
            if trial.user_attrs.get("sweep") == self.sweep and "job" in trial.user_attrs
        }

    def _counted(self) -> list[Any]:
        """The trials of all sweeps, without those that ``_lose`` has closed."""
        trials = self._study.get_trials(deepcopy=False)
        return [trial for trial in trials if not trial.user_attrs.get("lost")]

    def _count(self, before: int | None = None) -> int:
        """How many jobs the study has, over all sweeps that share it."""
        trials = [trial for trial in self._counted() if before is None or trial.number < before]
        # A trial without a job number was just asked for by another sweep, or added by hand. Retries share a number.
        jobs = [(each.user_attrs.get("sweep"), each.user_attrs.get("job", f"trial {each.number}")) for each in trials]
        return len({*jobs})

    def _lose(self, number: int) -> None:
        """Close a trial that has no job, so that it is neither counted nor left in the state "running"."""
        trial = next(each for each in self._study.get_trials(deepcopy=False) if each.number == number)
        # A FrozenTrial is read-only; user attributes are set through a Trial, which needs the id of the database row.
        self._optuna.trial.Trial(self._study, trial._trial_id).set_user_attr("lost", True)
        self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)

    def _fresh_seed(self, seed: int) -> int:
        """A sampler seed that differs on every resume and between sweeps that share a study.

        Otherwise a sampler would start its random stream again, and suggest the same parameters again.
        """
        known = len(self._study.get_trials(deepcopy=False))
        if not self.shared:
            return seed + known
        return int.from_bytes(hashlib.sha256(f"{seed}/{known}/{self.sweep}".encode()).digest()[:4], "big")

    def _require_fit(self, sampler: str, pruner: str, directions: Sequence[str]) -> None:
        if len(directions) < 2:
            return  # everything supports a single objective
        if pruner != "none":
            raise ConfigError(
                f"pruner is {pruner}, and the sweep has {len(directions)} objectives;",
                "a job is pruned by one objective;",
                "try hydra.sweeper.pruner=none, or one objective.",
            )
        version = tuple(map(int, self._optuna.__version__.split(".")[:2]))
        if sampler == "cmaes" or (sampler == "gp" and version < (4, 4)):
            raise ConfigError(
                f"sampler is {sampler}, and the sweep has {len(directions)} objectives;",
                f"in Optuna {self._optuna.__version__} it supports one objective only;",
                "try hydra.sweeper.sampler=nsga2 or hydra.sweeper.sampler=tpe.",
            )

    def _require_same(self, directions: Sequence[str]) -> None:
        """An existing study must have the same search space, fixed settings and directions."""
        found = [direction.name.lower() for direction in self._study.directions]
        wanted = [DIRECTIONS[direction] for direction in directions]
        # Sweeps that share a study may differ in the order of their axes.
        space = {key: text for key, text in self.space.describe().items() if key not in ("fixed", "axes")}
        fixed = {key: text for key, text in self.space.given.items() if not _is_of_the_machine(key)}
        changes = differences(self._first("space", redact.tree(space)), redact.tree(space))
        before, now = self._first("fixed", redact.tree(fixed)), redact.tree(fixed)
        changes += [
            f"{key} is {before.get(key, 'not set')} there, and {now.get(key, 'not set')} here"
            for key in sorted({*before, *now})
            if before.get(key) != now.get(key)
        ]
        if found != wanted:
            changes.append(f"its directions are {', '.join(found)}, not {', '.join(wanted)}")
        if changes:
            raise ConfigError(
                f"study '{self.study_name}' is of another search: {'; '.join(changes)};",
                "all trials of a study have one search space, the same settings besides it, and the same objectives;",
                f"try hydra.sweeper.study_name={self.study_name}-2.",
            )

    def _first(self, name: str, value: dict[str, str]) -> dict[str, str]:
        """What the first sweep of this study has recorded under a name; records the value if none has."""
        if (found := self._study.user_attrs.get(name)) is None:
            self._study.set_user_attr(name, value)
        return value if found is None else dict(found)


def _is_of_the_machine(key: str) -> bool:
    """Whether a fixed setting may differ between the sweeps of a study: where and how jobs run, not what they learn."""
    # By name: below `trainer` are max_epochs and precision, too.
    return key.startswith(("hydra", "logger.")) or key in OF_THE_MACHINE


def _identity(folder: Path) -> str:
    """A unique id of the sweep in this directory, created on first use."""
    path = folder / IDENTITY
    # Not the path of the folder: it may be moved, and two machines may have the same path.
    if not path.is_file():
        write_atomically(path, json.dumps({"sweep": uuid.uuid4().hex}) + "\n")
    return json.loads(path.read_text(encoding="utf-8"))["sweep"]


def _is_stale(trial: Any) -> bool:
    """Whether the sweep that created this trial must have been killed before it stored the job number."""
    # Optuna stores local times without a time zone.
    return trial.datetime_start is not None and datetime.now() - trial.datetime_start > STALE


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
