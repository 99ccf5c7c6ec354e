"""Networks, tasks and data that do not belong together are refused before training; the campaign tries every pair."""

from __future__ import annotations

import random

import pytest

from support.finished_runs import FinishedRuns
from support.pairings import PAIRS, require_told

NEVER = [  # an exception inside a step, once
    "model=seq2seq_tiny data=sentiment data.path=FILES/opinions.csv",
    "model=autoencoder_tiny data=cartpole",
    "model=gan_tiny task=classification loss=cross_entropy",
]


@pytest.mark.parametrize("words", NEVER)
def test_what_does_not_belong_together_is_refused(finished: FinishedRuns, train, words: str) -> None:
    require_told(train, words, finished.files, must_be_refused=True)


def test_a_pair_of_options_is_trained_or_refused(finished: FinishedRuns, train, rng: random.Random) -> None:
    for words in rng.sample(PAIRS, 4):
        require_told(train, words, finished.files)
