"""Each kind of variational autoencoder by the command, and digits that are learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.variational_task import check_trained

pytestmark = pytest.mark.filterwarnings("ignore:.*does not have many workers")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["model=vae"], "variational"),
        (["model=vae_tiny", "task.beta=2", "loss.binarize=sample"], "variational"),
        (["model=conv_vae", "loss=discretized_logistic", "task.kl_warmup=0.5"], "variational"),
        (["model=beta_vae"], "beta_variational"),
        (["model=conditional_vae", "loss=gaussian", "loss.num_parameters=2"], "variational"),
        (["model=vae_tiny", "data=wine", "loss=gaussian", "task.free_bits=0.1"], "variational"),
        (["model=vae_tiny", "data=digits_rows", "loss=gaussian"], "variational"),
    ],
)
def test_end_to_end_and_loaded_again(train: Any, words: list[str], name: str) -> None:
    short = ["trainer=cpu", "trainer.max_epochs=2", "trainer.limit_train_batches=3", "task.importance_samples=4"]
    task = check_trained(train(*words, *short, "logger=none"), words, name)
    if "model=beta_vae" in words:
        assert task.beta == 4


def test_the_bound_of_digits_improves_with_training(train: Any, tmp_path: Path) -> None:
    """By the likelihood of their seventeen greys: what knows nothing needs log2(17) = 4.09 bits a pixel."""
    keys = ["model=vae", "loss=discretized_logistic", "trainer=cpu", "logger=none", "optimizer.lr=0.002"]
    keys += ["task.importance_samples=8"]
    scores = []
    for epochs, batches in ((1, 1), (15, 1.0)):
        lengths = f"trainer.max_epochs={epochs}", f"trainer.limit_train_batches={batches}"
        scores.append(train(*keys, *lengths, path=tmp_path / str(epochs)).json("results.json"))
    untrained, trained = (each["metrics"]["test/bits_per_dimension"] for each in scores)
    assert untrained > 3 and trained < 2.2
    assert scores[1]["metrics"]["test/active_units"] >= 5
