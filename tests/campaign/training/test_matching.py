"""Every pair of options is trained or refused with a message, and never ends with an exception inside."""

from __future__ import annotations

import pytest

from support.finished_runs import FinishedRuns
from support.pairings import PAIRS, require_told


@pytest.mark.parametrize("part", range(0, len(PAIRS), 40))
def test_every_pair_of_options_is_trained_or_refused(finished: FinishedRuns, train, part: int, tally) -> None:
    chosen = PAIRS[part : part + 40]
    for words in chosen:
        require_told(train, words, finished.files)
    tally("options that do not belong together", len(chosen), len(chosen))
