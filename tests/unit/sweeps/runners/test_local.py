"""How many jobs a pool has room for, and on which devices."""

from __future__ import annotations

import os

import pytest

from netyard.errors import ConfigError, PlatformError
from netyard.sweeps.runners import local
from netyard.sweeps.runners.local import Pool, slots


def test_slots_are_devices_times_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))
    assert slots("auto", "auto", 1, gpus=0) == ([{}] * 4, 2)
    assert slots("auto", 3, 1, gpus=0) == ([{}] * 3, 2)
    assert slots("auto", "auto", 1, gpus=2) == ([{"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}], 4)
    assert [each["CUDA_VISIBLE_DEVICES"] for each in slots([0, 2], 2, 1, gpus=4)[0]] == ["0", "2", "0", "2"]
    assert slots(4, "auto", 2, gpus=4)[0] == [{"CUDA_VISIBLE_DEVICES": "0,1"}, {"CUDA_VISIBLE_DEVICES": "2,3"}]
    assert slots("cpu", 1, 1, gpus=4) == ([{"CUDA_VISIBLE_DEVICES": ""}], 8)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,7")
    assert [each["CUDA_VISIBLE_DEVICES"] for each in slots("auto", "auto", 1, gpus=2)[0]] == ["5", "7"]


@pytest.mark.parametrize(
    ("devices", "jobs", "together", "gpus", "words"),
    [
        ([3], "auto", 1, 2, "launcher.devices is \\[3\\], and the GPUs here are 0, 1"),
        (3, "auto", 1, 2, "launcher.devices is 3"),
        (1, "auto", 1, 0, "the GPUs here are none"),
        ("gpu", "auto", 1, 2, "devices are auto, cpu"),
        ("auto", "auto", 4, 2, "launcher.devices_per_job is 4, and there are 2"),
    ],
)
def test_devices_that_are_not_there_are_refused(monkeypatch, devices, jobs, together, gpus, words) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    with pytest.raises(ConfigError, match=words):
        slots(devices, jobs, together, gpus)


def test_what_the_jobs_cannot_import_ends_the_sweep_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ended:
        """A server that has sent why it ends."""

        def __init__(self, command: list[str], pass_fds: list[int], **settings: object) -> None:
            os.write(pass_fds[0], b'{"broken": "RuntimeError: operator torchvision::nms does not exist"}\n')

        def wait(self) -> int:
            return 0

    monkeypatch.setattr(local.subprocess, "Popen", Ended)
    pool = Pool.__new__(Pool)
    pool._inherit = ()
    with pytest.raises(PlatformError, match=r"torchvision::nms does not exist; .* type netyard doctor\."):
        pool._start_server()
    pool._channel.close()
