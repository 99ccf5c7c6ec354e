"""A job of a sweep reports how it does, and is given up where others did better at its age."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.sweeps.ledger import Job
from netyard.sweeps.optuna_search import OptunaSearch
from netyard.sweeps.space import Space

optuna = pytest.importorskip("optuna")
RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none")
RUN += ("trainer.max_epochs=8", "task.monitor=val/loss", "task.mode=min")


HOPELESS = "optimizer.lr=1e-9"


@pytest.fixture
def sweep(tmp_path: Path):
    """A study with six good jobs behind it, and a seventh about to run."""

    def make(pruner: str = "median", **options: Any) -> OptunaSearch:
        space = Space.parse(OverridesParser.create(), {}, {}, [], ["optimizer.lr=interval(0,1)"])
        folder = tmp_path / "sweep"
        search = OptunaSearch(space, ["min"], 7, 0, pruner=pruner, pruner_options=options, folder=folder)
        for number in range(6):
            search.ask(number)
            trial = optuna.trial.Trial(search._study, search._trials()[number]._trial_id)
            for epoch in range(8):
                trial.report(0.5 - 0.05 * epoch, epoch)
                trial.should_prune()  # asha and hyperband take note here
            search.tell(Job(number, [], "completed", values=[0.15]))
        search.ask(6)
        return search

    return make


def begin(search: OptunaSearch, path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "job.json").write_text(json.dumps({"study": search.study(6)}))
    return path


def test_all_ranks_give_up_together(sweep, command, tmp_path: Path):
    search = sweep()
    path = begin(search, tmp_path / "job")
    done = command("train.py", *RUN, "trainer=ddp_cpu", "trainer.devices=2", HOPELESS, f"hydra.run.dir={path}")
    assert done.code == 0, done.err
    assert json.loads((path / "status.json").read_text())["state"] == "pruned"
    assert [*search._study.trials[6].intermediate_values] == [0]
