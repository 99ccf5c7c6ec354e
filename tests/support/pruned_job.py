"""A study with six finished jobs, and the run of a seventh job."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.sweeps.ledger import Job
from netyard.sweeps.search.optuna import OptunaSearch
from netyard.sweeps.search.space import Space
from netyard.training import checkpoint
from support.command_result import Ran
from support.run_comparison import rows

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none")
RUN += ("trainer.max_epochs=8", "task.monitor=val/loss", "task.mode=min")
HOPELESS, FINE = "optimizer.lr=1e-9", "optimizer.lr=0.03"


def study_of(folder: Path, pruner: str = "median", **options: Any) -> OptunaSearch:
    """Return the search of a sweep in this folder that has suggested its seventh job."""
    pytest.importorskip("optuna")
    folder.mkdir(parents=True)
    noting = pruner in ("asha", "hyperband")  # the others keep nothing of their own in a study
    for name, content in _six_jobs(*((pruner, *options.items()) if noting else ("median",))).items():
        (folder / name).write_bytes(content)
    search = _search(folder, pruner, options)
    search.ask(6)
    return search


@cache
def _six_jobs(pruner: str, *options: tuple[str, Any]) -> dict[str, bytes]:
    """The files of a sweep with six finished jobs: written once, for each report is a transaction."""
    import optuna

    with tempfile.TemporaryDirectory() as place:
        search = _search(Path(place), pruner, dict(options))
        for number in range(6):
            search.ask(number)
            trial = optuna.trial.Trial(search._study, search._trials()[number]._trial_id)
            for epoch in range(8):
                trial.report(0.5 - 0.05 * epoch, epoch)
                trial.should_prune()  # asha and hyperband take note here
            search.tell(Job(number, [], "completed", values=[0.15]))
        return {each.name: each.read_bytes() for each in Path(place).iterdir()}


def _search(folder: Path, pruner: str, options: dict[str, Any]) -> OptunaSearch:
    space = Space.parse(OverridesParser.create(), {}, {}, [], ["optimizer.lr=interval(0,1)"])
    return OptunaSearch(space, ["min"], 7, 0, pruner=pruner, pruner_options=options, folder=folder)


def begin(search: OptunaSearch, path: Path) -> Path:
    """Return the directory of the seventh job, with the settings of its study."""
    path.mkdir(parents=True)
    (path / "job.json").write_text(json.dumps({"study": search.study(6)}))
    return path


def losses(path: Path) -> dict[int, Any]:
    """Return the loss of every epoch as in metrics.csv."""
    return {int(row["epoch"]): pytest.approx(float(row["val/loss"]), rel=1e-5) for row in rows(path)}


def check_given_up(train: Callable[..., Ran], search: OptunaSearch, path: Path, epochs: int) -> None:
    """A bad seventh job is pruned after so many of its eight epochs, in its output and in its study."""
    ran = train(*RUN, HOPELESS, path=begin(search, path))
    assert ran.code == 0, ran.err
    status = ran.json("status.json")
    assert status["state"] == "pruned", ran.err
    done = rows(ran.path)
    assert len(done) == epochs < 8
    assert status["error"].startswith(f"pruned after epoch {len(done) - 1}: val/loss {float(done[-1]['val/loss']):.4g}")
    assert status["error"] in ran.out and "Traceback" not in ran.out + ran.err
    assert checkpoint.read(ran.path / "checkpoints" / "last.ckpt")["epoch"] == len(done) - 1
    assert not (ran.path / "results.json").exists()
    search.tell(Job(6, [], "pruned"))
    trial = search._study.trials[6]
    assert trial.state.name == "PRUNED"
    assert trial.intermediate_values == losses(ran.path)
