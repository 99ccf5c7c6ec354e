"""Run jobs with a launcher of submitit: on SLURM, or as processes of this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

from hydra.plugins.launcher import Launcher

from netyard.sweeps.runners.watched import Watched


class Submitted(Watched):
    """``size`` None: all jobs at once on SLURM, which has a queue; locally one job for every two cores."""

    def __init__(self, launcher: Launcher, size: int | None) -> None:
        here = launcher._EXECUTOR == "local"  # type: ignore[attr-defined]
        super().__init__(launcher, size or (max(1, (os.cpu_count() or 1) // 2) if here else None))
        # The plugin creates the folder .submitit/%j literally, besides one for each job: submitit replaces %j later.
        params = launcher.params  # type: ignore[attr-defined]
        params["submitit_folder"] = str(params["submitit_folder"]).removesuffix("/%j")

    @contextlib.contextmanager
    def _not_waiting(self) -> Iterator[list[Any]]:
        import submitit

        handles: list[Any] = []

        # The plugin's launch() calls map_array and waits for the results of the list it returns. An empty list has
        # none to wait for; the real handles are watched by `Watched`.
        class Executor(submitit.AutoExecutor):
            def map_array(self, function: Any, *arguments: Any) -> list[Any]:
                handles.extend(super().map_array(function, *arguments))
                return []

        with mock.patch.object(submitit, "AutoExecutor", Executor):
            yield handles

    def _ended(self, handle: Any) -> bool:
        return bool(handle.done())

    def _reason(self, handle: Any) -> str:
        from submitit.core.utils import pickle_load

        if not handle.paths.result_pickle.exists():
            return f"ended without results ({handle.state}); its output is in {handle.paths.stderr}"
        # A pickle, but one that a job of this sweep has written into its own folder.
        outcome, trace = pickle_load(handle.paths.result_pickle)
        return str(trace).strip().splitlines()[-1] if outcome == "error" else "ended without results"

    def _cancel(self, handle: Any) -> None:
        handle.cancel(check=False)  # scancel fails for a job that has just ended
