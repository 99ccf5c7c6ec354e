"""What every test stands on: a scratch folder for outputs, a stopped Hydra, and the state of torch put back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Ran(NamedTuple):
    """What a command left behind."""

    code: int
    out: str
    err: str
    path: Path

    def json(self, name: str) -> dict[str, Any]:
        return json.loads((self.path / name).read_text(encoding="utf-8"))


@pytest.fixture
def command(tmp_path: Path):
    """Run a command line in a process of its own, as a user would: ``command("train.py", "model=mlp")``."""

    def run(*words: str, path: Path | None = None, **environment: str) -> Ran:
        done = subprocess.run(
            [sys.executable, *words],
            cwd=ROOT,
            env={**os.environ, "NETYARD_OUTPUTS": str(tmp_path / "outputs"), "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr, path or tmp_path / "outputs")

    return run


@pytest.fixture
def train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run ``train.py`` in this process, into a directory of its own: seconds of imports are paid once."""
    from netyard import cli

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "train.py")])

    def run(*overrides: str, path: Path | None = None) -> Ran:
        path = path or tmp_path / "run"
        where = (
            [] if any(text.startswith(("hydra.", "resume=", "-")) for text in overrides) else [f"hydra.run.dir={path}"]
        )
        try:
            code = cli.train([*overrides, *where])
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        said = capsys.readouterr()
        return Ran(code, said.out, said.err, path)

    return run


@pytest.fixture(autouse=True, scope="session")
def a_data_folder_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What runs keep for each other, a classifier of digits for one, is the suite's, not its user's."""
    place = tmp_path_factory.getbasetemp()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NETYARD_DATA", str((place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "data"))
        yield


@pytest.fixture(autouse=True)
def nothing_leaks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A test leaves no Hydra state, environment variable, thread count or random state to the next one."""
    environment = dict(os.environ)
    yield
    from hydra.core.global_hydra import GlobalHydra

    from netyard import targets

    GlobalHydra.instance().clear()
    targets.allow([])
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)
        torch.use_deterministic_algorithms(False)
