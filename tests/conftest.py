"""What every test stands on: marks from its folder, finished runs to share, and nothing left to the next test."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from support.command_result import Ran
from support.finished_runs import FinishedRuns

pytest_plugins = (
    "support.canaries",
    "support.command_fixtures",
    "support.config_fixtures",
    "support.data_fixtures",
    "support.fake_packages",
    "support.rank_fixtures",
    "support.signal_fixtures",
    "support.sweep_fixtures",
)

ROOT = Path(__file__).resolve().parents[1]
TESTS = ROOT / "tests"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by its tier, the folder that it is in; long tests come first."""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])
    # At the end one worker would run the last of them, and the other would wait.
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_collection_finish() -> None:
    """Thousands of collected tests and imported modules stay: the collector of garbage need not look at them again."""
    gc.collect()
    gc.freeze()
    # Python looks for garbage after every 700 new objects, and one composed config leaves 9,700.
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure() -> None:
    gc.unfreeze()  # or libraries would say at the end that these objects have leaked


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run ``train.py`` in this process, into a directory of its own: seconds of imports are paid once.

    A run has baselines only where an override says so: those of each test's own data would take minutes together.
    """
    from netyard.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "train.py")])

    def run(*overrides: str, path: Path | None = None) -> Ran:
        path = path or tmp_path / "run"
        where = (
            [] if any(text.startswith(("hydra.", "resume=", "-")) for text in overrides) else [f"hydra.run.dir={path}"]
        )
        with contextlib.ExitStack() as stack:
            if not any(text.startswith("baselines=") for text in overrides):
                stack.enter_context(patch("netyard.training.baseline_results.baselines_of", return_value=None))
            try:
                code = main.train([*overrides, *where])
            except SystemExit as exit_:
                code = int(exit_.code or 0)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err, path)

    return run


@pytest.fixture(scope="session")
def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all of this session's processes share."""
    place = tmp_path_factory.getbasetemp()
    return place.parent if "PYTEST_XDIST_WORKER" in os.environ else place


@pytest.fixture(scope="session")
def _finished_runs(session_folder: Path) -> FinishedRuns:
    return FinishedRuns(session_folder / "finished")


@pytest.fixture
def finished(_finished_runs: FinishedRuns) -> Iterator[FinishedRuns]:
    """Finished runs to read, built once for the whole session: ``finished("variational")`` is a directory.

    A test that changes its run takes ``copied_run``; one that changed a shared run fails here.
    """
    yield _finished_runs
    assert not (changed := _finished_runs.changed()), f"this test changed the shared runs; it needs a copy: {changed}"


@pytest.fixture
def copied_run(finished: FinishedRuns, tmp_path: Path) -> Callable[..., Path]:
    """A copy of a finished run, to be changed: ``copied_run("iris")``, or ``copied_run("iris", path)``."""

    def copy(name: str, path: Path | None = None) -> Path:
        return Path(shutil.copytree(finished(name), path or tmp_path / name, symlinks=True))

    return copy


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random numbers of this test alone: the same in each ``make test``, others in each campaign (``NETYARD_SEED``)."""
    seed = f"{os.environ.get('NETYARD_SEED', '0')}:{request.node.nodeid}"
    print(f"seed {seed}")  # which pytest shows of a test that failed
    return random.Random(seed)


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Callable[[str, int, int], None]:
    """Record how often a fault was tried and how often all was well after it; ``make campaign`` makes a table of it."""

    def enter(what: str, times: int, withstood: int) -> None:
        record_property("campaign", (what, times, withstood))
        assert withstood == times > 0, f"{what}: {withstood} of {times}"

    return enter


@pytest.fixture(autouse=True, scope="session")
def a_data_folder_of_our_own(session_folder: Path) -> Iterator[None]:
    """What runs keep for each other, a classifier of digits for one, is the suite's, not its user's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETYARD_DATA", str(session_folder / "data"))
        yield


@pytest.fixture(autouse=True)
def nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test leaves no Hydra state, environment variable, thread count or random state to the next one."""
    environment = dict(os.environ)
    yield
    from hydra.core.global_hydra import GlobalHydra

    from netyard.config import allowlist

    GlobalHydra.instance().clear()
    allowlist.allow([])
    if dict(os.environ) != environment:
        for name in set(os.environ) - set(environment):
            del os.environ[name]
        os.environ.update(environment)
    if torch := sys.modules.get("torch"):
        # Before CUDA is initialised, torch.manual_seed would queue a seed for it with a stack trace, five hundred
        # times as slow.
        (torch.manual_seed if torch.cuda.is_initialized() else torch.default_generator.manual_seed)(0)
        torch.use_deterministic_algorithms(False)
