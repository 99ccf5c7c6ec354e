"""Jobs that Optuna suggests, from the results of those before. Akiba et al. 2019, arXiv:1907.10902. Knows no torch."""

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
from netyard.io.atomic import write_atomically
from netyard.run_directories import study as named
from netyard.sweeps.ledger import Job, differences
from netyard.sweeps.search.grid import require_trials
from netyard.sweeps.search.space import Space

OURS = "study.json"  # in the sweep's directory: the name under which the sweep's trials are its own in a shared study
DIRECTIONS = {"max": "maximize", "min": "minimize"}
STALE = timedelta(minutes=5)


class OptunaSearch:
    """Asks an Optuna study for jobs and tells it how they ended.

    A trial carries the sweep and the number of its job, so a resumed sweep finds its own, and several sweeps, on one
    machine or on many, can share a study; ``num_trials`` is then the number of all their jobs.

    Args:
        directions: ``max`` or ``min`` for each objective.
        storage: a database's URL; None is a file in the sweep's directory.
        metric: what a pruner watches; None is the run's own monitor.
        folder: the sweep's directory.

    Raises:
        ConfigError: a sampler, pruner or option that does not exist, or does not fit the objectives; a study of another
            search.
        PlatformError: Optuna is not installed, or the storage cannot be reached.
    """

    def __init__(
        self,
        space: Space,
        directions: Sequence[str],
        num_trials: int,
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
        require_trials(num_trials)
        self._optuna = named.optuna()
        self._require_fit(sampler, pruner, directions)
        self.space, self.num_trials = space, num_trials
        self.pruner, self.pruner_options, self.metric = pruner, dict(pruner_options or {}), metric
        self.shared = storage is not None
        self.storage = storage or f"sqlite:///{folder.resolve() / 'study.db'}"
        os.environ[named.STORAGE] = self.storage  # for the jobs, which believe no job.json alone
        self.study_name = study_name or (f"{folder.parent.name}-{folder.name}" if self.shared else "sweep")
        folder.mkdir(parents=True, exist_ok=True)
        self.sweep = _identity(folder)
        made = named.pruner(pruner, self.pruner_options)
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
            # A quasi-random sequence is one of a seed, and the study remembers how far it came.
            seed=seed if sampler == "qmc" else fresh,
            multivariate=not space.conditional,
            constant_liar=True,
            independent_sampler=self._optuna.samplers.RandomSampler(seed=fresh),
        )

    def ask(self, number: int) -> list[str] | None:
        # A study of our own counts by the ledger, so that a study.db that was lost starts no second sweep.
        if (self._count() if self.shared else number) >= self.num_trials:
            return None
        trial = self._study.ask()
        trial.set_user_attr("sweep", self.sweep)
        trial.set_user_attr("job", number)
        if self.shared and self._count(before=trial.number) >= self.num_trials:  # another sweep was faster
            self._lose(trial.number)
            return None
        return self.space.suggest(trial)

    def tell(self, job: Job) -> None:
        """Completed jobs are told with their values, pruned ones as such, failed ones and NaN as failures.

        The trial of an interrupted job stays open, for the job goes on some day. A failed job that was run again, and
        came through, is a new trial of the same parameters: what Optuna was told once it keeps.
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
        """Bring the study to what the ledger says; a trial of a job it does not know is lost, and not counted."""
        known = {job.number for job in jobs}
        for job in jobs:
            self.tell(job)
        running = self._study.get_trials(deepcopy=False, states=[self._optuna.trial.TrialState.RUNNING])
        for trial in running:
            job = trial.user_attrs.get("job")
            ours = trial.user_attrs.get("sweep") == self.sweep or not self.shared
            if (job not in known) if ours else (job is None and _is_stale(trial)):
                self._lose(trial.number)

    def study(self, number: int) -> dict[str, Any] | None:
        """The parameters of ``netyard.callbacks.optuna_pruning.Pruning`` for a job; None where nothing is pruned.

        A job that failed and is run again has no open trial, and is not pruned.
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
        """The state of a trial whose job stands like this; None while the job is not done."""
        states = self._optuna.trial.TrialState
        if job.state == "completed":
            values = job.values or []
            sound = len(values) == len(self._study.directions) and all(map(_is_finite, values))
            return states.COMPLETE if sound else states.FAIL
        return {"failed": states.FAIL, "pruned": states.PRUNED}.get(job.state)

    def _trials(self) -> dict[int, Any]:
        """The newest trial of each job of this sweep."""
        return {
            trial.user_attrs["job"]: trial
            for trial in self._counted()
            if trial.user_attrs.get("sweep") == self.sweep and "job" in trial.user_attrs
        }

    def _counted(self) -> list[Any]:
        trials = self._study.get_trials(deepcopy=False)
        return [trial for trial in trials if not trial.user_attrs.get("lost")]

    def _count(self, before: int | None = None) -> int:
        """How many jobs the study has, of all sweeps that share it."""
        trials = [trial for trial in self._counted() if before is None or trial.number < before]
        # A trial without a job is another sweep's, which is about to name it, or was made by hand.
        jobs = [(each.user_attrs.get("sweep"), each.user_attrs.get("job", f"trial {each.number}")) for each in trials]
        return len({*jobs})

    def _lose(self, number: int) -> None:
        """Close a trial that no job belongs to."""
        trial = next(each for each in self._study.get_trials(deepcopy=False) if each.number == number)
        self._optuna.trial.Trial(self._study, trial._trial_id).set_user_attr("lost", True)
        self._study.tell(number, state=self._optuna.trial.TrialState.FAIL)

    def _fresh_seed(self, seed: int) -> int:
        """A seed that neither this sweep has drawn from before it was resumed, nor another that shares the study."""
        known = len(self._study.get_trials(deepcopy=False))
        if not self.shared:
            return seed + known
        return int.from_bytes(hashlib.sha256(f"{seed}/{known}/{self.sweep}".encode()).digest()[:4], "big")

    def _require_fit(self, sampler: str, pruner: str, directions: Sequence[str]) -> None:
        if len(directions) < 2:
            return
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
                f"in Optuna {self._optuna.__version__} it follows one objective;",
                "try hydra.sweeper.sampler=nsga2 or hydra.sweeper.sampler=tpe.",
            )

    def _require_same(self, directions: Sequence[str]) -> None:
        """A study that was there already must search the same space for the same."""
        found = [direction.name.lower() for direction in self._study.directions]
        wanted = [DIRECTIONS[direction] for direction in directions]
        space = {key: text for key, text in self.space.describe().items() if key not in ("fixed", "axes")}
        before = self._study.user_attrs.get("space")
        if before is None:
            self._study.set_user_attr("space", space)
            before = space
        changes = differences(before, space)
        if found != wanted:
            changes.append(f"it was to {' and '.join(found)}, not {' and '.join(wanted)}")
        if changes:
            raise ConfigError(
                f"study '{self.study_name}' is of another search: {'; '.join(changes)};",
                "the trials of a study come from one space, and have the same objectives;",
                f"try hydra.sweeper.study_name={self.study_name}-2.",
            )


def _identity(folder: Path) -> str:
    """A name for the sweep in this directory that no other has, kept there."""
    path = folder / OURS
    if not path.is_file():
        write_atomically(path, json.dumps({"sweep": uuid.uuid4().hex}) + "\n")
    return json.loads(path.read_text(encoding="utf-8"))["sweep"]


def _is_stale(trial: Any) -> bool:
    """Whether the sweep that began a trial must have died before it could name it."""
    return trial.datetime_start is not None and datetime.now() - trial.datetime_start > STALE


def _is_finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
