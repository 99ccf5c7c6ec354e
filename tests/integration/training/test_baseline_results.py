"""Baselines beside the results of runs: recorded, shown, the same after a resume, and off by one word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netyard.baselines import classes
from netyard.cli import main
from support.event_files import events

RUN = ("model=mlp_tiny", "data=iris", "data.batch_size=20", "trainer=cpu", "logger=none")


def results(path: Path) -> dict:
    return json.loads((path / "results.json").read_text(encoding="utf-8"))


def test_a_run_has_baselines_and_a_resumed_one_the_same(train, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = train(
        *RUN, "trainer.max_epochs=1", "baselines=true", "diagnostics=false"
    )  # one of them says the same in other words
    assert ran.code == 0, ran.err
    found = results(ran.path)
    assert {*found["baselines"]["test/accuracy"]} >= {"majority", "nearest_neighbours", "support_vector_machine"}
    assert {*found["baselines"]} <= {*found["metrics"]}
    assert found["baseline_facts"]["metric"] == "test/accuracy"
    assert "mlp_tiny (this run)" in ran.out
    assert "needs no network" in ran.out

    # From the cache: nothing is computed again.
    monkeypatch.setattr(classes, "scores", None)
    again = train(f"resume={ran.path}", "trainer.max_epochs=2", "baselines=true", path=ran.path)
    assert again.code == 0, again.err
    assert results(ran.path)["baselines"] == found["baselines"]

    # A test on its own has no baselines: it may be of other samples.
    assert main.main(["evaluate", str(ran.path)]) == 0


def test_they_are_off_by_one_word(train) -> None:
    ran = train(*RUN, "trainer.max_epochs=1", "baselines=false")
    assert "baselines" not in results(ran.path)
    assert "without a network" not in ran.out


def test_without_a_test_part_the_validation_part_is_compared(train) -> None:
    ran = train(*RUN, "trainer.max_epochs=1", "data.test_fraction=0", "baselines=true")
    found = results(ran.path)
    assert found["baseline_facts"]["metric"] == "val/accuracy"
    assert all(name.startswith("val/") for name in found["baselines"])


def test_a_task_without_labels_has_its_own_and_tensorboard_a_table_of_them(train) -> None:
    ran = train(
        "model=autoencoder", "model.latent_size=2", "data=iris", "trainer=cpu", "trainer.max_epochs=1", "baselines=true"
    )
    found = results(ran.path)
    assert found["baseline_facts"] | {"metric": "test/mse", "mode": "min", "best": "pca"} == found["baseline_facts"]
    # The network's own metrics have the same PCA.
    for name in ("knn_accuracy", "linear_accuracy"):
        assert found["baselines"][f"test/{name}"]["pca"] == pytest.approx(found["metrics"][f"test/{name}_pca"])
    (event,) = events(ran.path).Tensors("baselines/text_summary")
    text = event.tensor_proto.string_val[0].decode()
    assert [head.strip() for head in text.splitlines()[0].split("|")[1:3]] == ["model", "test/mse"]
    assert "autoencoder (this run)" in text and "| pca " in text
