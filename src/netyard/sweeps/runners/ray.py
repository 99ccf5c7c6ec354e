"""Jobs on Ray: this machine's cores and GPUs, or a cluster that runs already."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any
from unittest import mock

from hydra.plugins.launcher import Launcher

from netyard.sweeps.runners.watched import Watched


class OnRay(Watched):
    """Each job is a process of its own; Ray starts as many at once as there are CPUs and GPUs for them."""

    def __init__(self, launcher: Launcher, size: int | None) -> None:
        super().__init__(launcher, size)
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        settings = launcher.ray_cfg  # type: ignore[attr-defined]
        settings.init.setdefault("log_to_driver", False)  # a job's console; its train.log says the same
        settings.remote = {"max_calls": 1, "max_retries": 0, **settings.remote}
        if settings.init.get("address") or "RAY_ADDRESS" in os.environ:
            settings.init.setdefault("object_store_memory", None)  # the plugin's number is refused by a running cluster
        else:
            settings.init.setdefault("include_dashboard", False)

    @contextlib.contextmanager
    def _not_waiting(self) -> Iterator[list[Any]]:
        import ray
        from hydra_plugins.hydra_ray_launcher import _core

        handles: list[Any] = []
        hand_over = _core.launch_job_on_ray

        def nothing_to_wait_for(*arguments: Any) -> Any:
            handles.append(hand_over(*arguments))
            return ray.put(None)

        with mock.patch.object(_core, "launch_job_on_ray", nothing_to_wait_for):
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

        ray.cancel(handle, force=False)

    def close(self) -> None:
        import ray

        ray.shutdown()
