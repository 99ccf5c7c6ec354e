"""Run jobs on Ray: on the cores and GPUs of this machine, or on a running cluster."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

from hydra.plugins.launcher import Launcher

from netyard.sweeps.runners.watched import Watched


class OnRay(Watched):
    """Each job is a separate process; Ray runs as many at once as there are CPUs and GPUs for them."""

    def __init__(self, launcher: Launcher, size: int | None) -> None:
        super().__init__(launcher, size)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        settings = launcher.ray_cfg  # type: ignore[attr-defined]
        settings.init.setdefault("log_to_driver", False)  # the console of a job, which is in its train.log too
        # max_calls: a new process for each job, so that seeds and memory of one do not affect the next. max_retries:
        # the driver decides about retries, because it resumes from the checkpoint.
        settings.remote = {"max_calls": 1, "max_retries": 0, **settings.remote}
        if settings.init.get("address") or "RAY_ADDRESS" in os.environ:
            settings.init.setdefault("object_store_memory", None)  # a running cluster refuses the plugin's value
        else:
            settings.init.setdefault("include_dashboard", False)

    @contextlib.contextmanager
    def _not_waiting(self) -> Iterator[list[Any]]:
        import ray
        from hydra_plugins.hydra_ray_launcher import _core

        handles: list[Any] = []
        submit = _core.launch_job_on_ray

        # The plugin's launch() waits for the results of all jobs with ray.get, and has no option to return earlier.
        # It gets finished objects instead, and the real handles are watched here.
        def submit_without_waiting(*arguments: Any) -> Any:
            handles.append(submit(*arguments))
            return ray.put(None)

        with mock.patch.object(_core, "launch_job_on_ray", submit_without_waiting):
            yield handles

    def _ended(self, handle: Any) -> bool:
        import ray

        return bool(ray.wait([handle], timeout=0)[0])

    def _reason(self, handle: Any) -> str:
        import ray

        try:
            ray.get(handle)
        except ray.exceptions.RayError as error:  # of the job, its process or its node
            return str(error).strip().splitlines()[-1]
        return "ended without results"

    def _cancel(self, handle: Any) -> None:
        import ray

        ray.cancel(handle, force=False)  # raises KeyboardInterrupt in the job, like Ctrl-C

    def close(self) -> None:
        import ray

        ray.shutdown()
