"""A study as a search: what it suggests and is told, a driver that dies, sweeps that share it, and what it refuses."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from netyard.errors import ConfigError, PlatformError
from netyard.run_directories import study as named
from netyard.sweeps.ledger import Job
from netyard.sweeps.search.optuna import OptunaSearch
from netyard.sweeps.search.space import Space
from support.optuna_searches import run, search_in, trials, unsynced, values

optuna = pytest.importorskip("optuna")
RUNNING, COMPLETE, FAIL, PRUNED = (
    getattr(optuna.trial.TrialState, name) for name in ("RUNNING", "COMPLETE", "FAIL", "PRUNED")
)
CONDITIONAL = {
    "kind=a": {"x": "interval(0,1)"},
    "kind=b": {"x": "tag(log,interval(10,1000))", "n": "range(2,9,step=3)"},
}


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Callable[..., OptunaSearch]]:
    with unsynced():
        yield partial(search_in, tmp_path)


def test_the_same_seed_makes_the_same_sweep(search):
    one, two = (run(search(folder=name), 5) for name in ("one", "two"))
    assert [job.overrides for job in one] == [job.overrides for job in two]
    assert [job.overrides for job in run(search(folder="three", seed=1), 5)] != [job.overrides for job in one]


@pytest.mark.parametrize("sampler", [*named.SAMPLERS])
def test_a_conditional_space(search, sampler: str):
    made = search("kind=a,b", when=CONDITIONAL, sampler=sampler)
    for number in range(8):
        job = made.ask(number)
        given = values(job)
        if given["kind"] == "a":
            assert 0 <= float(given["x"]) <= 1 and "n" not in given
        else:
            assert 10 <= float(given["x"]) <= 1000 and given["n"] in ("2", "5", "8")
        made.tell(Job(number, job, "completed", values=[float(given["x"])]))
    assert {values(job)["kind"] for job in ([f"kind={trial.params['kind']}"] for trial in trials(made))} == {"a", "b"}


def test_zipped_and_quoted_choices_come_back_as_they_were(tmp_path: Path):
    made = Space.parse(
        OverridesParser.create(), {"tags": [["a", "b"], "null", None]}, {}, [{"m": ["p", "q"], "e": [1, 2]}], []
    )
    with unsynced():
        search = OptunaSearch(made, ["max"], 10, 0, folder=tmp_path)
        jobs = [search.ask(number) for number in range(10)]
    assert all(job in made.grid() for job in jobs)
    assert len({tuple(job) for job in jobs}) > 2


def test_every_end_of_a_job_is_told(search):
    made = search()
    ends = [
        ("completed", [0.5], COMPLETE),
        ("completed", [float("nan")], FAIL),
        ("completed", None, FAIL),
        ("completed", [1.0, 2.0], FAIL),
        ("failed", None, FAIL),
        ("pruned", None, PRUNED),
        ("interrupted", None, RUNNING),
        ("running", None, RUNNING),
    ]
    for number, (state, told, _) in enumerate(ends):
        made.tell(Job(number, made.ask(number), state, values=told))
    assert [trial.state for trial in trials(made)] == [state for *_, state in ends]
    made.tell(Job(6, [], "completed", values=[0.25]))  # the interrupted job went on
    assert trials(made)[6].values == [0.25]
    made.tell(Job(6, [], "completed", values=[0.25]))  # and is not told twice
    assert len(trials(made)) == len(ends)


def test_a_failed_job_that_came_through_in_the_end_is_known(search):
    made = search(trials=3)
    jobs = [Job(number, made.ask(number), "failed") for number in range(2)]
    for job in jobs:
        made.tell(job)
    made = search(trials=3)
    made.restore(jobs)
    made.tell(Job(1, jobs[1].overrides, "completed", values=[0.5]))
    assert [trial.state for trial in trials(made)] == [FAIL, FAIL, COMPLETE]
    assert trials(made)[2].params == trials(made)[1].params
    assert made.ask(2) is not None and made.ask(3) is None


def test_a_driver_that_died_is_reconciled_with_its_ledger(search):
    made = search(trials=6)
    asked = [made.ask(number) for number in range(5)]  # 4 is in no ledger: killed before it was written
    ledger = [
        Job(0, asked[0], "completed", values=[0.5]),
        Job(1, asked[1], "failed"),
        Job(2, asked[2], "interrupted"),
        Job(3, asked[3], "pending"),
    ]
    made._study.ask()  # killed before the trial had its job's number
    resumed = search(trials=6)
    resumed.restore(ledger)
    assert [trial.state for trial in trials(resumed)] == [COMPLETE, FAIL, RUNNING, RUNNING, FAIL, FAIL]
    again = [resumed.ask(number) for number in (4, 5)]
    assert all(again) and resumed.ask(6) is None
    assert again[0] != asked[4]
    for job in (Job(2, asked[2], "completed", values=[1.0]), Job(4, again[0], "completed", values=[2.0])):
        resumed.tell(job)
    assert [trial.values for trial in trials(resumed)] == [[0.5], None, [1.0], None, None, None, [2.0], None]
    resumed.restore([*ledger, Job(4, again[0], "completed", values=[2.0]), Job(5, again[1], "running")])
    assert [trial.state for trial in trials(resumed)][-2:] == [COMPLETE, RUNNING]


def test_a_study_that_was_lost_starts_no_second_sweep(search, tmp_path: Path):
    jobs = run(search(trials=4), 3)
    (tmp_path / "sweep" / "study.db").unlink()
    resumed = search(trials=4)
    resumed.restore(jobs)
    assert resumed.study(0) is None
    assert resumed.ask(3) is not None and resumed.ask(4) is None


def test_two_sweeps_share_a_study(search, tmp_path: Path):
    shared = {"storage": f"sqlite:///{tmp_path / 'shared.db'}", "study_name": "both", "trials": 7}
    one, two = search(folder="one", **shared), search(folder="two", **shared)
    jobs = [run(one, 1)[0], run(two, 1)[0], *run(two, 2, first=1), *run(one, 2, first=1)]
    assert len({values(job.overrides)["x"] for job in jobs}) == 6
    left = one.ask(3)
    assert left is not None and two.ask(3) is None and one.ask(4) is None
    two.restore([Job(number, [], "completed", values=[0.0]) for number in range(3)])
    assert [trial.state for trial in trials(two)] == [COMPLETE] * 6 + [RUNNING]
    one.restore([])
    assert one.ask(3) is not None


def test_sweeps_that_ask_in_one_instant_stay_within_the_number_of_trials(search, tmp_path: Path, monkeypatch):
    shared = {"storage": f"sqlite:///{tmp_path / 'shared.db'}", "study_name": "both", "trials": 1}
    one, two = search(folder="one", **shared), search(folder="two", **shared)
    count = OptunaSearch._count
    # Both have looked before either asked.
    monkeypatch.setattr(
        OptunaSearch, "_count", lambda self, before=None: count(self, before) if before is not None else 0
    )
    assert one.ask(0) is not None and two.ask(0) is None
    monkeypatch.undo()
    assert [trial.state for trial in trials(one)] == [RUNNING, FAIL] and one.ask(1) is None


def test_a_study_of_another_search_is_refused(search, tmp_path: Path):
    shared = {"storage": f"sqlite:///{tmp_path / 'shared.db'}", "study_name": "s"}
    search(folder="one", **shared)
    search("x=interval(-1,1)", "y=range(0,10)", "trainer=cpu", folder="two", **shared)  # the machine may differ
    with pytest.raises(
        ConfigError, match=r"'s' is of another search: .*y changed from range\(0, 10, step=1\) to not swept"
    ):
        search("x=interval(-1,1)", folder="three", **shared)
    with pytest.raises(ConfigError, match="its directions are minimize, not maximize"):
        search(folder="four", directions=["max"], **shared)


def test_a_study_is_known_by_what_is_fixed(search, tmp_path: Path):
    shared = {"storage": f"sqlite:///{tmp_path / 'shared.db'}", "study_name": "s"}
    axes = ("x=interval(-1,1)", "y=range(0,10)")
    search(*axes, "data=iris", "trainer.max_epochs=3", folder="one", **shared)
    search("data=iris", *axes, "trainer.max_epochs=3", "trainer.devices=2", folder="two", **shared)
    with pytest.raises(
        ConfigError, match=r"data is iris there, and wine here; trainer.max_epochs is 3 there, and not set"
    ):
        search(*axes, "data=wine", folder="three", **shared)
    with pytest.raises(ConfigError, match=r"model\.dropout is not set there, and 0.1 here"):
        search(*axes, "data=iris", "trainer.max_epochs=3", "+model={dropout:0.1}", folder="four", **shared)


def test_a_full_study_says_so(search, tmp_path: Path):
    shared = {"storage": f"sqlite:///{tmp_path / 'shared.db'}", "study_name": "s", "trials": 2}
    first = search(folder="one", **shared)
    first.require_room()
    assert first.remark() == ""
    run(first, 2)
    assert first.remark() == "study 's' is full: it has 2 trials, 2 of them of this sweep"
    with pytest.raises(ConfigError, match=r"study 's' is full: it has 2 trials, and num_trials is 2.*num_trials=4"):
        search(folder="two", **shared).require_room()
    search(folder="two", **{**shared, "trials": 3}).require_room()
    alone = search(folder="three", trials=1)
    run(alone, 1)
    assert alone.remark() == ""


def test_sweeps_that_start_one_study_together_all_work(search, tmp_path: Path):
    together, shared = threading.Barrier(4), {"storage": f"sqlite:///{tmp_path / 'shared.db'}", "study_name": "s"}

    def start(number: int) -> int:
        together.wait()
        made = search(folder=str(number), **shared)
        assert made.ask(0) is not None
        return len(trials(made))

    with ThreadPoolExecutor(4) as pool:
        assert max(pool.map(start, range(4))) == 4


def test_several_objectives(search):
    made = search("x=interval(0,1)", directions=["max", "min"], sampler="nsga2")
    for number in range(6):
        job = made.ask(number)
        x = float(values(job)["x"])
        made.tell(Job(number, job, "completed", values=[x, x * x]))
    assert [len(trial.values) for trial in trials(made)] == [2] * 6
    assert made.study(0) is None
    for options, said in [
        ({"pruner": "median"}, "pruner is median, and the sweep has 2 objectives"),
        ({"sampler": "cmaes"}, "sampler is cmaes, and the sweep has 2 objectives"),
    ]:
        with pytest.raises(ConfigError, match=said):
            search("x=interval(0,1)", folder="other", directions=["max", "min"], **options)


@pytest.mark.parametrize("pruner", [name for name in named.PRUNERS if name != "none"])
def test_a_job_is_told_how_it_can_be_pruned(search, tmp_path: Path, pruner: str):
    made = search(pruner=pruner, metric="val/loss")
    made.ask(0)
    told = made.study(0)
    assert told == {
        "storage": f"sqlite:///{tmp_path / 'sweep' / 'study.db'}",
        "study_name": "sweep",
        "trial": 0,
        "pruner": pruner,
        "pruner_options": {},
        "monitor": "val/loss",
    }
    assert made.study(7) is None
    made.tell(Job(0, [], "failed"))
    assert made.study(0) is None


def test_without_a_pruner_a_job_reports_nothing(search):
    made = search()
    made.ask(0)
    assert made.study(0) is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"sampler": "tpee"}, "there is no sampler 'tpee'; did you mean 'tpe'? try hydra.sweeper.sampler=tpe."),
        ({"sampler": "grid"}, "there is no sampler 'grid'; samplers are tpe, cmaes,"),
        ({"pruner": "medain"}, "there is no pruner 'medain'; did you mean 'median'?"),
        ({"sampler_options": {"n_startup_trial": 3}}, "tpe has no option 'n_startup_trial'; did you mean 'n_startup_"),
        ({"pruner": "median", "pruner_options": {"warmup": 3}}, "pruner median has no option 'warmup'"),
        ({"pruner": "percentile", "pruner_options": {"percentile": 400.0}}, "pruner percentile refuses {'percentile"),
        ({"trials": 0}, "num_trials is 0; it must be a whole number at least 1; try hydra.sweeper.num_trials="),
    ],
    ids=str,
)
def test_a_mistake_is_said_in_three_parts(search, options: dict[str, Any], said: str):
    with pytest.raises(ConfigError) as refused:
        search(**options)
    assert said in str(refused.value) and refused.value.allowed and refused.value.type_this


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////nowhere/at/all/study.db",
        "nonsense",
        "nosuch://host/db",
        "postgresql://me:secret@localhost:1/studies",
    ],
)
def test_a_storage_that_cannot_be_reached(search, url: str):
    with pytest.raises(PlatformError) as refused:
        search(storage=url)
    assert "the study cannot be opened at" in str(refused.value) and "secret" not in str(refused.value)


def test_a_job_believes_no_job_json_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It may be somebody else's, and name any machine."""
    monkeypatch.delenv(named.STORAGE, raising=False)
    run = tmp_path / "sweep" / "0"
    own = f"sqlite:///{tmp_path / 'sweep' / 'study.db'}"
    assert named.trusted_url(own, run) == own
    for url in ("mysql://me@host/db", f"sqlite:///{tmp_path / 'elsewhere' / 'study.db'}"):
        with pytest.raises(PlatformError, match="the environment of this job does not confirm it"):
            named.trusted_url(url, run)
        monkeypatch.setenv(named.STORAGE, url)
        assert named.trusted_url(url, run) == url
        monkeypatch.delenv(named.STORAGE)
    monkeypatch.setenv(named.STORAGE, url := "mysql://me:pass@word@host/db")
    assert named.trusted_url("mysql://me:***@host/db", run) == url
    with pytest.raises(PlatformError, match="the environment of this job does not confirm it"):
        named.trusted_url("mysql://me:***@elsewhere/db", run)


def test_a_missing_extra_is_one_message(search, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(
        PlatformError, match=r"needs Optuna, which cannot be imported: .* pip install 'netyard\[optuna\]'"
    ):
        search()
    monkeypatch.undo()
    monkeypatch.setattr(named, "is_installed", lambda name: False)
    with pytest.raises(PlatformError, match=r"sampler cmaes needs cmaes, which is not installed"):
        search(sampler="cmaes")


def test_optuna_says_nothing(search, capfd: pytest.CaptureFixture[str]):
    run(search(), 3)
    assert capfd.readouterr() == ("", "")
