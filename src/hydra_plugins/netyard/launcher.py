"""``hydra/launcher=local``: each job is a process on this machine. See conf/hydra/launcher/local.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from netyard.ranges.bounds import Count, Index, Positive
from netyard.ranges.signature import check


class LocalLauncher(Launcher):
    """The arguments are described in its configuration file."""

    def __init__(
        self,
        devices: Count | str | list[Index | str],
        jobs_per_device: Count | Literal["auto"],
        devices_per_job: Count,
        timeout: Positive | None,
        retries: Index,
        max_failures: Index | None,
        fail_fast: bool,
    ) -> None:
        check(LocalLauncher, locals(), "launcher")
        self.pool_options: dict[str, Any] = {
            "devices": devices,
            "jobs_per_device": jobs_per_device,
            "devices_per_job": devices_per_job,
            "timeout": timeout,
        }
        # Read by sweeps.start: retries and limits are the driver's, which sees all jobs.
        self.failure_policy = {"retries": retries, "max_failures": max_failures, "fail_fast": fail_fast}

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config = config

    def pool(self, inherit: Sequence[int] = ()) -> Any:
        """The process pool, for netyard's sweepers, which start the jobs one by one."""
        # Imported late: Hydra imports its plugins at every start, also for a single run.
        from netyard.sweeps.arguments import flags_of
        from netyard.sweeps.runners.local import Pool

        return Pool(**self.pool_options, flags=flags_of(self.config), inherit=inherit)

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """For other sweepers: run these jobs and return when the last one has ended."""
        from netyard.sweeps.ledger import Job
        from netyard.sweeps.outcome import settle

        folder = Path(str(self.config.hydra.sweep.dir)).resolve()
        jobs = [Job(initial_job_idx + index, list(each)) for index, each in enumerate(job_overrides)]
        waiting, pool = list(jobs), self.pool()  # in order, as Hydra expects the results
        try:
            while waiting or pool.running:
                while waiting and pool.free:  # as many at once as the devices allow
                    job = waiting.pop(0)
                    (folder / str(job.number)).mkdir(parents=True)  # fails if it exists: another sweep's job
                    pool.start(job.number, job.overrides, folder / str(job.number), resumed=False)
                for ending in pool.wait():
                    job = jobs[ending.number - initial_job_idx]
                    # No objectives of a sweep: the value is the objective of the job's own results.
                    settle(job, folder / str(job.number), [], ending.reason)
        finally:
            pool.close()
        return [_job_return(job) for job in jobs]


def _job_return(job: Any) -> JobReturn:
    done = JobReturn(overrides=job.overrides)
    done.status = JobStatus.COMPLETED if job.values else JobStatus.FAILED
    # Hydra raises the exception when a sweeper reads return_value.
    done.return_value = job.values[0] if job.values else RuntimeError(f"job {job.number}: {job.reason}")
    return done
