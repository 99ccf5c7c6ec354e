"""Disks that are full, read-only, broken or gone: one message, nothing saved is lost, and no run ends for a log."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from campaign import enter
from tensor_writers import Saver, number_of
from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader

from netyard import checkpoint, manifests, rundir, unfailing
from netyard.callbacks.finite import Finite
from netyard.errors import PlatformError
from netyard.manifests import Hashing
from netyard.rundir import RunDir

CALLS = [(os, name) for name in ("open", "fsync", "replace", "link", "rename")]
METHODS = [(Path, name) for name in ("open", "replace", "mkdir")]
RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


class Full:
    """Counts the calls by which a save changes the disk; from the one of number ``at`` on, each raises."""

    def __init__(self, patch: pytest.MonkeyPatch, at: int) -> None:
        self.count, self.at = 0, at
        for owner, name in [*CALLS, *METHODS]:  # and not unlink, which a full disk allows
            patch.setattr(owner, name, self._counting(getattr(owner, name)))
        patch.setattr(Hashing, "write", self._counting(Hashing.write))

    def _counting(self, call: Any) -> Any:
        def counted(*args: Any, **kwargs: Any) -> Any:
            how = kwargs.get("mode", [*args, "r"][1])
            if call.__name__ == "open" and how in ("r", "rb", os.O_RDONLY):
                return call(*args, **kwargs)
            self.count += 1
            if self.count >= self.at:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return call(*args, **kwargs)

        return counted


def last_and_best(folder: Path) -> tuple[int, int]:
    return number_of(folder, "last"), number_of(folder, "best")


def test_a_full_disk_at_every_point_of_a_save(tmp_path: Path) -> None:
    times = withstood = 0
    for keep, bests in ((2, (True,)), (1, (True, False)), (2, (True, True, True))):
        newest, point = len(bests), 1
        while True:
            folder = tmp_path / f"{keep}-{bests}-{point}"
            saver = Saver(folder, keep)
            for number, best in enumerate(bests[:-1], start=1):
                saver.save(number, best)
            before = last_and_best(folder) if newest > 1 else None
            with pytest.MonkeyPatch.context() as patch:
                full = Full(patch, point)
                try:
                    saver.save(newest, bests[-1])
                    failed = False
                except PlatformError as error:
                    failed = "No space left on device" in str(error)
            if full.count < point:
                break
            point += 1
            times += 1
            drafts = [*folder.glob(".*.tmp")]
            after = last_and_best(folder) if manifests.known(folder) else None
            kept = after in (before, (newest, newest if bests[-1] else before and before[1]))
            saver, last = Saver(folder, keep), after[0] if after else 0
            if after:
                saver.callback.load_state_dict(checkpoint.read(folder / "last.ckpt")["callback"])
            saver.save(last + 1, best=True)
            withstood += failed and kept and not drafts and last_and_best(folder) == (last + 1, last + 1)
            shutil.rmtree(folder)
    assert times > 100
    enter("given a full disk at a point of a save", times, withstood)


def fill_after(monkeypatch: pytest.MonkeyPatch, saves: int, code: int = errno.ENOSPC, until: int = 99) -> None:
    """The disk takes so many saves and no more, until the one of number ``until``."""
    done: list[int] = []
    write, close = Hashing.write, Hashing.close

    def limited(self: Hashing, data: Any) -> int:
        if saves <= len(done) < until:
            raise OSError(code, os.strerror(code))
        return write(self, data)

    def counted(self: Hashing) -> str:
        done.append(1)
        return close(self)

    monkeypatch.setattr(Hashing, "write", limited)
    monkeypatch.setattr(Hashing, "close", counted)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EIO], ids=errno.errorcode.get)
def test_a_save_that_fails_ends_the_run_with_one_message(train, monkeypatch, code: int) -> None:
    fill_after(monkeypatch, saves=2, code=code)
    ran = train(*RUN, "trainer.max_epochs=4")
    assert ran.code == 5 and ran.err.count("error: ") == 1 and "Traceback" not in ran.err
    assert os.strerror(code) in ran.err and f"resume={ran.path}" in ran.err and " free;" in ran.err
    assert ran.json("status.json")["state"] == "failed"
    folder = ran.path / "checkpoints"
    assert len(manifests.known(folder)) == 2 and not [*folder.glob(".*")] and len([*folder.glob("save-*")]) == 4
    monkeypatch.undo()
    resumed = train(f"resume={ran.path}")
    assert resumed.code == 0 and ran.json("results.json")["epochs"] == 4, resumed.err


def test_a_run_may_go_on_without_a_save_or_two(train, monkeypatch) -> None:
    fill_after(monkeypatch, saves=1, until=3)
    ran = train(*RUN, "trainer.max_epochs=4", "callbacks.checkpoint.on_save_error=warn")
    assert ran.code == 0, ran.err
    assert ran.err.count("the run goes on, and the states saved before are whole") == 2
    results = ran.json("results.json")
    assert results["objective"]["epoch"] in (0, 3), "the best is one of those that were saved"
    assert checkpoint.read(ran.path / "checkpoints" / "best.ckpt")["epoch"] == results["objective"]["epoch"]


def test_a_run_does_not_go_on_without_for_ever(train, monkeypatch) -> None:
    fill_after(monkeypatch, saves=1)
    ran = train(*RUN, "trainer.max_epochs=9", "callbacks.checkpoint.on_save_error=warn")
    assert ran.code == 5 and ran.err.count("error: ") == 1 and ran.err.count("the run goes on") == 2
    assert len((ran.path / "metrics.csv").read_text().splitlines()) == 1 + 4
    assert train(*RUN, "callbacks.checkpoint.on_save_error=stpo", path=ran.path.with_name("other")).code == 2


def test_a_directory_that_is_deleted_ends_the_run_with_one_message(train, monkeypatch) -> None:
    def deleted(self: Finite, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 1:
            shutil.rmtree(trainer.default_root_dir)

    monkeypatch.setattr(Finite, "on_train_epoch_end", deleted)
    ran = train(*RUN, "trainer.max_epochs=4")
    assert ran.code == 5 and "was deleted while the run wrote into it" in ran.err
    assert ran.err.count("error: ") == 1 and "Traceback" not in ran.err
    assert not ran.path.exists()


def test_logs_and_curves_wait_for_room(train, monkeypatch) -> None:
    """Every write to them fails, but for a few bytes now and then, until the last epoch."""
    write, short = os.write, [0]

    def limited(descriptor: int, data: Any) -> int:
        name = Path(f"/proc/self/fd/{descriptor}").resolve().name
        if short[0] >= 0 and (name == "train.log" or "tfevents" in name):
            short[0] += 1
            if short[0] % 3:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(descriptor, bytes(data[:7]))
        return write(descriptor, data)

    def room(self: Finite, trainer: Any, module: Any) -> None:
        if trainer.current_epoch == 3:
            short[0] = -1

    monkeypatch.setattr(os, "write", limited)
    monkeypatch.setattr(Finite, "on_train_epoch_end", room)
    monkeypatch.setattr(unfailing, "_warned_at", -unfailing.PAUSE)
    ran = train(*RUN[:-1], "trainer.max_epochs=5")
    assert ran.code == 0, ran.err
    assert ran.err.count("No space left on device; the run goes on") == 1
    assert (ran.path / "train.log").read_text().count("epoch ") >= 5
    events = list(ran.path.glob("events*"))
    assert events and all([*RawEventFileLoader(str(path)).Load()] for path in events)


def test_what_does_not_fit_is_kept_up_to_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unfailing, "MOST", 10)
    file = unfailing.Unfailing(tmp_path / "away" / "log")
    for word in ("one, ", "two, ", "three"):
        file.write(word)
        file.flush()
    (tmp_path / "away").mkdir()
    file.write("")
    file.close()
    assert file.closed and (tmp_path / "away" / "log").read_text() == "one, two, "


def test_rows_of_the_table_wait_for_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir(tmp_path)
    run.append_metrics({"epoch": 0, "loss": "a"})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(rundir, "write_atomically", full)
        run.append_metrics({"epoch": 1, "loss": "b"})
        run.append_metrics({"epoch": 2, "loss": "c"})
    assert (tmp_path / "metrics.csv").read_text() == "epoch,loss\n0,a\n"
    run.append_metrics({"epoch": 3, "loss": "d"})
    assert (tmp_path / "metrics.csv").read_text() == "epoch,loss\n0,a\n1,b\n2,c\n3,d\n"


PROBED = """
import sys
from netyard import cli

sys.argv = ["train.py"]
codes = []
for words in sys.stdin.read().split("\\n"):
    try:
        codes.append(cli.train(["model=mlp_tiny", *words.split()]))
    except SystemExit as end:
        codes.append(end.code)
assert not {"torch", "lightning"} & {*sys.modules}, "the data were as good as loaded"
print(codes)
"""


def test_a_place_that_takes_no_files_is_found_before_anything_is_loaded(tmp_path: Path) -> None:
    """A read-only file system, a file in the way, a name that is too long."""
    (tmp_path / "file").touch()
    places = ["/sys/netyard", f"{tmp_path}/file/run", f"{tmp_path}/{'a' * 300}"]
    commands = [f"hydra.run.dir={place}" for place in places]
    for variable in ("NETYARD_OUTPUTS", ""):
        environment = {**os.environ, "NETYARD_OUTPUTS": places[0]} if variable else {**os.environ}
        words = ["seed=1"] if variable else commands
        done = subprocess.run(
            [sys.executable, "-c", PROBED],
            input="\n".join(words),
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            check=False,
        )
        assert done.stdout.strip() == str([5] * len(words)), done.stderr
        assert done.stderr.count("error: ") == len(words) and "Traceback" not in done.stderr


LIMITED = """
import resource, signal, sys
from netyard import cli

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (12_000, 12_000))
sys.argv = ["train.py"]
sys.exit(cli.train(sys.argv[:0] + sys.stdin.read().split()))
"""


@pytest.mark.slow
def test_a_limit_of_the_system_is_a_full_disk(tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED],
        input=" ".join([*RUN, "model.hidden_sizes=[64]", f"hydra.run.dir={run}"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 5, done.stderr
    assert "File too large" in done.stderr and "nothing was saved before" in done.stderr
    assert done.stderr.count("error: ") == 1 and "Traceback" not in done.stderr
    assert not run.exists(), "nothing was saved, and nothing is left"


@pytest.mark.parametrize("name", ["a b", "ü=ö", "it's", "[x,y]{z}", "${nothing}", "tab\there", "back\\slash"])
def test_a_directory_of_any_name_can_be_run_in_and_resumed(name: str, tmp_path: Path) -> None:
    from netyard.cli import compose
    from netyard.overrides import override, value_of

    words = [override("hydra.run.dir", tmp_path / name), override("tags", "x")]
    assert value_of(words, "hydra.run.dir") in (str(tmp_path / name), str(tmp_path / name).replace("${", "\\${"))
    cfg, _ = compose([override("resume", tmp_path / name)])
    assert cfg.resume == str(tmp_path / name)


def test_odd_names_and_values_come_back_as_they_were(train, tmp_path: Path) -> None:
    run = tmp_path / "a b=ü,[c]"
    tags = """tags=["two words","x=y","new\\nline","日本","it's"]"""
    assert train(*RUN, tags, "trainer.max_epochs=1", f"hydra.run.dir='{run}'").code == 0
    before = (run / ".hydra" / "overrides.yaml").read_text()
    resumed = train(f"resume='{run}'", "trainer.max_epochs=2")
    assert resumed.code == 0, resumed.err
    assert RunDir(run).results()["epochs"] == 2 and RunDir(run).overrides()[: len(RUN)] == [*RUN]
    assert before.splitlines()[len(RUN)] in (run / ".hydra" / "overrides.yaml").read_text()
    assert RunDir(run).status()["state"] == "completed"
