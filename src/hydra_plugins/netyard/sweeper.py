"""``hydra/sweeper=grid``, ``random`` and ``optuna``. Their options are explained in conf/hydra/sweeper/."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from netyard.ranges.bounds import Count, Index
from netyard.ranges.signature import check


class _Searching(Sweeper):
    """Common base of the sweepers, which differ only in how they choose jobs."""

    def __init__(
        self,
        params: Mapping[str, Any],
        when: Mapping[str, Any],
        together: Sequence[Mapping[str, Any]],
        keep: Index | None,
        batch_size: Count | None,
        resume: bool,
        objectives: Sequence[str] | None,
    ) -> None:
        check(_Searching, locals(), "sweep")
        # Parsed later, by sweeps.start, with Hydra's config loader, which setup() brings.
        self.swept = {"params": params, "when": when, "together": together}
        self.keep, self.batch_size, self.resume = keep, batch_size, resume
        self.objectives = _plain(objectives)  # plain types: the ledger writes them as JSON

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config, self.hydra_context = config, hydra_context
        # Hydra leaves it to the sweeper to build the launcher.
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    @abstractmethod
    def search(self, space: Any, objectives: Sequence[Mapping[str, str]], folder: Path) -> Any:
        """The object that chooses the jobs, a ``sweeps.search.grid.Search``."""

    def sweep(self, arguments: list[str]) -> Path:
        # Imported late, as in the other plugins. The report is passed in, because sweeps may not import reports.
        from netyard.reports.leaderboard import leaderboard
        from netyard.sweeps import start

        return start.sweep(self, arguments, leaderboard)


class GridSweeper(_Searching):
    def search(self, space: Any, objectives: Sequence[Mapping[str, str]], folder: Path) -> Any:
        from netyard.sweeps.search.grid import Grid

        return Grid(space)


class RandomSweeper(_Searching):
    def __init__(self, num_trials: int, seed: int, **shared: Any) -> None:
        super().__init__(**shared)
        self.num_trials, self.seed = num_trials, seed

    def search(self, space: Any, objectives: Sequence[Mapping[str, str]], folder: Path) -> Any:
        from netyard.sweeps.search.grid import Random

        return Random(space, self.num_trials, self.seed)


class OptunaSweeper(_Searching):
    def __init__(
        self,
        num_trials: int,
        seed: int,
        sampler: str,
        sampler_options: Mapping[str, Any],
        pruner: str,
        pruner_options: Mapping[str, Any],
        storage: str | None,
        study_name: str | None,
        **shared: Any,
    ) -> None:
        super().__init__(**shared)
        # Passed on to OptunaSearch, which checks them: it knows which samplers and pruners there are.
        self.options = {
            "num_trials": num_trials,
            "seed": seed,
            "sampler": sampler,
            "sampler_options": _plain(sampler_options),
            "pruner": pruner,
            "pruner_options": _plain(pruner_options),
            "storage": storage,
            "study_name": study_name,
        }

    def search(self, space: Any, objectives: Sequence[Mapping[str, str]], folder: Path) -> Any:
        from netyard.sweeps.search.optuna import OptunaSearch  # an optional extra, imported only if it is chosen

        # A pruner compares the objective that the user named, or else what each job's own task monitors.
        metric = objectives[0]["name"] if self.objectives else None
        return OptunaSearch(space, [each["mode"] for each in objectives], **self.options, metric=metric, folder=folder)


def _plain(value: Any) -> Any:
    return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
