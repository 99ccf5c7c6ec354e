"""What a task makes is shown in the dashboard after each validation it is asked for, and never disturbs the run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from support.finished_runs import RUNS


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_vae_is_drawn_after_each_validation_and_learns_no_different(finished, train) -> None:
    seen, unseen = finished("drawn_samples"), train(*RUNS["drawn_samples"], "callbacks.samples=null")
    assert unseen.code == 0, unseen.err
    assert (seen / "metrics.csv").read_bytes() == (unseen.path / "metrics.csv").read_bytes()
    assert json.loads((seen / "results.json").read_text())["metrics"] == unseen.json("results.json")["metrics"]
    assert not (unseen.path / "pictures").exists()

    drawn = {"reconstructions", "samples", "latent_kl", "traversal", "interpolation"}
    files = {f"{stage}_{name}.png" for stage in ("val", "test") for name in drawn}
    assert {path.name for path in (seen / "pictures").iterdir()} == files
    events = EventAccumulator(str(seen))
    events.Reload()
    assert set(events.Tags()["images"]) == {name.removesuffix(".png").replace("_", "/", 1) for name in files}
    assert len({image.step for image in events.Images("val/traversal")}) == 3
