"""Everything that netyard does with its own models, done with those of a package that is installed beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.fresh_environment import ROOT, FreshEnvironment

RUN = ("model=acme_lab_mixer_tiny", "data=acme_lab_digits", "trainer=cpu")


@pytest.fixture
def fresh(tmp_path: Path) -> FreshEnvironment:
    made = FreshEnvironment(tmp_path)
    made.install(ROOT)
    made.netyard("new", "acme_lab")
    made.install(made.cwd / "acme_lab")
    return made


def test_a_package_is_treated_as_netyard_itself(fresh: FreshEnvironment) -> None:
    cwd = fresh.cwd
    where = Path(fresh.run("-c", "import netyard; print(netyard.__file__)").strip())
    assert where.is_relative_to(fresh.folder)
    for words in (["list", "models"], ["list", "data"], ["list", "experiments"], ["train", "--help"]):
        assert "acme_lab" in fresh.netyard(*words)
    assert "model=acme_lab_mixer" in fresh.netyard("completion", "query", "netyard train model=acme").splitlines()
    assert "package acme_lab 0.1.0" in fresh.netyard("doctor")

    fresh.netyard("train", *RUN, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert json.loads((cwd / "run" / "results.json").read_text())["environment"]["packages"] == "acme_lab 0.1.0"
    fresh.netyard("train", "resume=run", "trainer.max_epochs=2")
    assert json.loads((cwd / "run" / "results.json").read_text())["epochs"] == 2
    assert "test/accuracy" in fresh.netyard("evaluate", "run=run")
    fresh.netyard("predict", "run=run", "output=answers.csv")
    assert len((cwd / "answers.csv").read_text().splitlines()) > 100
    fresh.netyard("export", "run=run", "format=state_dict")
    fresh.netyard("export", "run=run", "format=onnx")
    fresh.netyard("report", "run", "output=report")
    assert "acme_lab_mixer_tiny" in (cwd / "report" / "report.html").read_text(encoding="utf-8")
    assert "equal: all" in fresh.netyard("rerun", "run")
    fresh.netyard("train", "experiment=acme_lab_mixer_digits", "trainer.max_epochs=1", "hydra.run.dir=recipe")

    fresh.netyard("train", "-m", *RUN, "seed=0,1", "debug=smoke", "hydra.sweep.dir=sweep")
    assert {job["state"] for job in json.loads((cwd / "sweep" / "sweep.json").read_text())["jobs"]} == {"completed"}

    fresh.run("-m", "pytest", "-q", cwd=cwd / "acme_lab")
    site = next(fresh.folder.glob("lib/*/site-packages"))
    for left in site.glob("acme_lab*"):
        left.rename(left.with_name(f"gone_{left.name}"))
    for words in (["evaluate", "run=run"], ["predict", "run=run", "output=a.csv"], ["train", "resume=run", "seed=0"]):
        assert "install package acme_lab" in fresh.netyard(*words, code=4)
