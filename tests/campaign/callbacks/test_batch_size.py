"""The batch size that is found for each kind of data."""

from __future__ import annotations

from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.callbacks import batch_size


def shows(path: Path, tag: str) -> bool:
    return tag in EventAccumulator(str(path)).Reload().Tags()["images"]


@pytest.mark.parametrize("model", ["cnn_tiny", "seq2seq_tiny", "lstm_tiny data=python_source"])
def test_batch_sizes_are_timed_and_one_is_suggested(train, model: str, monkeypatch) -> None:
    monkeypatch.setattr(batch_size, "AT_LEAST", 0.01)
    name, *more = model.split()
    ran = train(f"model={name}", *more, "debug=batch_size", "callbacks.batch_size.max_size=32")
    assert ran.code == 0, ran.err
    rows = [line.strip("|").split("|") for line in ran.out.splitlines() if line.startswith("| ")][1:]
    rates = {int(row[0]): float(row[1].replace(",", "")) for row in rows if row[0].strip().isdecimal()}
    assert list(rates) == [1, 2, 4, 8, 16, 32]
    suggested = int(ran.out.partition("try data.batch_size=")[2].partition(",")[0])
    assert rates[suggested] >= 0.89 * max(rates.values())
    assert (ran.path / "batch_size.png").is_file() and shows(ran.path, "debug/batch_size")
