"""Gives secrets (canaries) to a run or a sweep in every possible way, and searches all files and output for them."""

from __future__ import annotations

import os
import secrets
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.command_result import Ran

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "trainer.max_epochs=1")
NO_FIGURES = "callbacks.figures=null"  # to be quick
ALLOW = "--allow-target=leaky.Leaky"
LEAKY = """
import logging, warnings
from lightning import Callback

class Leaky(Callback):
    def __init__(self, hub_token=None, password=None, url=None, note=None, fails=False):
        self.words, self.fails = f"{hub_token} {note} {url} password={password}", fails

    def state_dict(self):
        return {}

    def on_train_start(self, trainer, module):
        logging.getLogger("netyard.leaky").info("info %s", self.words)
        logging.getLogger("netyard.leaky").warning("warning %s", self.words)
        logging.getLogger("lightning.pytorch").warning("of a library %s", self.words)
        if self.fails:
            raise RuntimeError(f"no answer to {self.words}")
"""


@pytest.fixture
def canaries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The secrets, by the way in which they are passed."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "leaky.py").write_text(LEAKY)
    monkeypatch.syspath_prepend(str(tmp_path / "own"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path / "own"), os.environ.get("PYTHONPATH", "")]))
    made = {name: f"canary-{secrets.token_hex(8)}" for name in ("variable", "shell", "typed", "url", "nowhere")}
    monkeypatch.setenv("HUB_TOKEN", made["variable"])
    monkeypatch.setenv("SERVICE_API_KEY", made["shell"])
    monkeypatch.setenv("DB_PASSWORD", made["nowhere"])
    return made


def given(canaries: dict[str, str], **more: str) -> list[str]:
    """The command-line arguments that contain the secrets."""
    leaky = {
        "hub_token": "${oc.env:HUB_TOKEN}",
        "note": f"'of the shell: {canaries['shell']}'",
        "password": canaries["typed"],
        "url": f"'https://me:{canaries['url']}@host/x?api_key={canaries['typed']}'",
        **more,
    }
    words = [f"+callbacks.leaky.{key}={value}" for key, value in leaky.items()]
    return [
        ALLOW,
        "+callbacks.leaky._target_=leaky.Leaky",
        *words,
        f"tags=[{canaries['shell']}]",
    ]


def leaks(canaries: dict[str, str], folder: Path, *said: str) -> list[str]:
    """Return the places where a secret was found: in files, in members of zip files, and in the output."""
    texts = {f"said {number}": text.encode() for number, text in enumerate(said)}
    for path in folder.rglob("*"):
        if path.is_file():
            texts[str(path)] = path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    texts |= {f"{path}!{name}": archive.read(name) for name in archive.namelist()}
    assert len(texts) > len(said) + 5, "something was written"
    found = [(place, name) for place, text in texts.items() for name, each in canaries.items() if each.encode() in text]
    return [f"{name} in {place}" for place, name in found]


def check_sweep(train: Callable[..., Ran], canaries: dict[str, str], folder: Path, launcher: str) -> int:
    """Check that a sweep of two jobs leaves no secret anywhere; return the number of secrets that it was given."""
    ran = train(
        "-m", *RUN, NO_FIGURES, *given(canaries), "seed=1,2", f"launcher={launcher}", f"hydra.sweep.dir={folder}"
    )
    assert ran.code == 0, ran.err
    assert not leaks(canaries, folder, ran.out, ran.err)
    return len(canaries)


def check_study(train: Callable[..., Ran], canaries: dict[str, str], tmp_path: Path, launcher: str) -> None:
    """The jobs of a study connect to a storage with a password, and the password is written nowhere."""
    optuna = pytest.importorskip("optuna", reason="the extra optuna is not installed")
    folder = tmp_path / "sweep"
    # SQLite passes over what it does not know of a URI.
    storage = f"sqlite:///file:{tmp_path / 'study.db'}?uri=true&password={canaries['url']}"
    words = ["hydra/sweeper=optuna", "sweep.num_trials=2", "sweep.pruner=median", f"sweep.storage='{storage}'"]
    where = (f"launcher={launcher}", f"hydra.sweep.dir={folder}")
    ran = train("-m", *RUN, NO_FIGURES, *words, "optimizer.lr=tag(log,interval(0.001,0.1))", *where)
    assert ran.code == 0, ran.err
    assert "password=***" in (folder / "0" / "job.json").read_text()
    assert "is not pruned" not in (folder / "1" / "train.log").read_text()
    assert not leaks(canaries, folder, ran.out, ran.err)
    (study,) = optuna.get_all_study_summaries(f"sqlite:///{tmp_path / 'study.db'}")
    trials = optuna.load_study(study_name=study.study_name, storage=f"sqlite:///{tmp_path / 'study.db'}").trials
    assert all(trial.intermediate_values for trial in trials), "each job reported to it"
    refused = train("-m", f"resume={folder}", "sweep.num_trials=3")
    assert refused.code == 2 and "hydra.sweeper.storage is a secret" in refused.err
    ran = train("-m", f"resume={folder}", "sweep.num_trials=3", f"sweep.storage='{storage}'")
    assert ran.code == 0, ran.err
    assert not leaks(canaries, folder, ran.out, ran.err)
