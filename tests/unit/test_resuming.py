"""A run goes on as the experiment it was begun as, or not at all; ``resume=auto`` finds the one that is meant."""

from __future__ import annotations

from pathlib import Path

from netyard.sweeps.ledger import Ledger


def test_auto_of_a_sweep_is_the_newest_of_the_same_command(train, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("NETYARD_OUTPUTS", str(tmp_path / "outputs"))
    for day, seeds in (("1", "1,2"), ("2", "1,2"), ("3", "1,2,3")):
        folder = tmp_path / "outputs" / "sweeps" / day / "12-00-00"
        folder.mkdir(parents=True)
        ledger = Ledger(folder, ["model=mlp", f"seed={seeds}"], "grid", {}, [], [], state="completed", started=day)
        ledger.write()
    found = train("-m", "model=mlp", "seed=1,2", "resume=auto")
    assert found.code == 0 and "sweeps/2/12-00-00 is finished already" in found.out, found.err
    there = train("-m", "model=mlp", "resume=auto", f"hydra.sweep.dir={tmp_path}/outputs/sweeps/3/12-00-00")
    assert there.code == 0 and "sweeps/3/12-00-00 is finished already" in there.out, there.err
    none = train("-m", "model=mlpp", "seed=1,2", "resume=auto")
    assert none.code == 2 and "a new one begins" in none.out
