"""Checks the images that a run of a variational autoencoder writes."""

from __future__ import annotations

import json
from pathlib import Path

from support.event_files import events


def check_drawn(seen: Path, unseen: Path) -> None:
    """Of two runs only one writes images; it has all of them, and both have the same metrics."""
    assert (seen / "metrics.csv").read_bytes() == (unseen / "metrics.csv").read_bytes()
    metrics = (json.loads((path / "results.json").read_text())["metrics"] for path in (seen, unseen))
    assert next(metrics) == next(metrics)
    assert not (unseen / "pictures").exists()

    drawn = {"reconstructions", "samples", "latent_kl", "traversal", "interpolation"}
    files = {f"{stage}_{name}.png" for stage in ("val", "test") for name in drawn}
    assert {path.name for path in (seen / "pictures").iterdir()} == files
    written = events(seen)
    assert set(written.Tags()["images"]) == {name.removesuffix(".png").replace("_", "/", 1) for name in files}
    assert len({image.step for image in written.Images("val/traversal")}) == 3
