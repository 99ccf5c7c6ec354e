"""The batch size that is found for each kind of data."""

from __future__ import annotations

import pytest

from support.batch_size_search import check_suggested_size


@pytest.mark.parametrize("model", ["cnn_tiny", "seq2seq_tiny", "lstm_tiny data=python_source"])
def test_batch_sizes_are_timed_and_one_is_suggested(train, model: str, monkeypatch) -> None:
    check_suggested_size(train, f"model={model}".split(), monkeypatch)
