"""The columns of the HPARAMS tab: a key of any depth and a value of any kind."""

from __future__ import annotations

import json
from pathlib import Path

from netyard.training.tensorboard import columns_of_a_sweep


def test_a_value_of_any_kind_has_a_column(tmp_path: Path) -> None:
    config = {"model": {"norm": True, "sizes": [1, 2], "rate": None}, "trainer": {"devices": 1}}
    axes = ["model.norm", "model.sizes", "model.rate", "trainer", "model.rate.deeper", "experiment", "seed", "model"]
    (tmp_path / "job.json").write_text(json.dumps({"axes": axes}), encoding="utf-8")
    assert columns_of_a_sweep(config, {"trainer": "cpu", "experiment": None, "model": "mlp"}, tmp_path) == {
        "model.norm": "true",
        "model.sizes": "[1, 2]",
        "model.rate": "null",
        "trainer": "cpu",
        "model.rate.deeper": "-",
        "experiment": "null",
    }
    assert columns_of_a_sweep(config, {}, tmp_path / "alone") == {}
