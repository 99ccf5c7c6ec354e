"""`debug=batch_size` suggests one of the sizes that it timed."""

from __future__ import annotations

from netyard.callbacks.batch_size_finder import BatchSizeFinder


def test_the_smallest_of_the_fast_sizes_is_suggested() -> None:
    found = BatchSizeFinder()
    found.rates = {1: 100.0, 2: 190.0, 4: 360.0, 8: 380.0, 16: 395.0}
    assert found.suggestion == 4
