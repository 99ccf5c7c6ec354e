"""Tables of many columns."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np


def test_twenty_thousand_columns_are_read(train, tmp_path: Path) -> None:
    """Anything that is quadratic in the number of columns takes minutes here, beyond the time limit of a test."""
    cells = np.random.default_rng(0).normal(size=(200, 20_000)).round(3)
    lines = [",".join([*map(str, row), "ab"[number % 2]]) for number, row in enumerate(cells.tolist())]
    names = ",".join([*(f"g{number}" for number in range(20_000)), "y"])
    (tmp_path / "wide.csv").write_text("\n".join([names, *lines]))
    words = (
        "model=mlp_tiny",
        "data=csv",
        f"data.path={tmp_path / 'wide.csv'}",
        "data.target=y",
        "trainer.max_epochs=1",
    )
    ran = train(*words, path=tmp_path / "run")
    assert ran.code == 0, ran.err
    columns = json.loads((tmp_path / "run" / "results.json").read_text())["data_summary"]["columns"]
    assert len(columns) == 20_001 and list(columns.values()).count("number") == 20_000
    assert "columns: 20,000 number (g0, g1, g2, g3, g4, 19,995 more)" in ran.out
