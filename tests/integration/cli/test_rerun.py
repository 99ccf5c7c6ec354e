"""`netyard rerun`: a run comes out the same, and what may keep it from that is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from netyard.cli import main


@pytest.fixture
def rerun(copied_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Change something of a run, train again; what was said, and the second directory."""
    monkeypatch.setenv("NETYARD_OUTPUTS", str(tmp_path / "outputs"))
    monkeypatch.chdir(tmp_path)
    path = copied_run("iris")

    def run(*more: str) -> tuple[int, str, Path | None]:
        was = sys.modules["__main__"].__spec__
        try:
            code = main.main(["rerun", str(path), *more])
        finally:
            sys.modules["__main__"].__spec__ = was
        said = capsys.readouterr()
        found = [path.parent for path in tmp_path.rglob("rerun.json")]
        return code, said.out + said.err, found[0] if found else None

    run.path = path  # type: ignore[attr-defined]
    return run


def test_a_run_comes_out_the_same_in_another_directory(rerun) -> None:
    code, said, again = rerun()
    assert code == 0 and again != rerun.path
    assert "again: python train.py model=mlp_tiny data=iris data.batch_size=20 trainer=cpu trainer.max_epochs=2" in said
    assert f"equal: all 12 numbers are bit-identical to those of {rerun.path.name}." in said
    assert json.loads((again / "rerun.json").read_text())["equal"] is True
    first, second = (json.loads((path / "results.json").read_text()) for path in (rerun.path, again))
    assert first["metrics"] == second["metrics"]


def test_another_result_is_listed(rerun) -> None:
    code, said, again = rerun("seed=1", "logger=none")
    assert code == 0
    assert "not equal: " in said and "| test/loss" in said
    told = json.loads((again / "rerun.json").read_text())
    assert not told["equal"] and "test/loss" in told["changed"] and told["compared"] == 12


def test_another_environment_and_other_defaults_are_warned_of(rerun) -> None:
    results = json.loads((rerun.path / "results.json").read_text())
    results["environment"] |= {"torch": "2.11.0", "git": "abc1234-dirty"}
    (rerun.path / "results.json").write_text(json.dumps(results))
    config = yaml.safe_load((rerun.path / ".hydra" / "config.yaml").read_text())
    config["optimizer"]["eps"] = 1e-3
    (rerun.path / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config))
    said = rerun()[1]
    assert "torch was 2.11.0, and is " in said
    assert "the run used uncommitted code (git abc1234-dirty)" in said
    assert "optimizer.eps was 0.001, and is 1e-08 by today's defaults" in said


def test_a_run_without_results_has_nothing_to_compare(rerun) -> None:
    (rerun.path / "results.json").unlink()
    code, said, _ = rerun("logger=none", f"hydra.run.dir={rerun.path.parent / 'there'}")
    assert code == 0 and "has no results to compare with." in said
    assert (rerun.path.parent / "there" / "rerun.json").exists()
