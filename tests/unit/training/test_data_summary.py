"""What a run says of its data, in the log and in results.json."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import lightning as L
import pytest
import torch

from netyard.losses.likelihoods import Bernoulli
from netyard.tasks.adversarial import Adversarial
from netyard.tasks.language import Language
from netyard.tasks.reconstruction import Reconstruction
from netyard.tasks.variational import Variational
from netyard.training.data_summary import lines, record, remarks_of, summary_of
from support.datasets import build

SUMMARY: dict[str, Any] = {
    "unit": "samples",
    "splits": {
        "train": {"samples": 1200, "source": "photos/train"},
        "val": {"samples": 30, "source": "drawn"},
        "test": {"samples": 40, "source": "photos/test"},
    },
    "classes": {f"c{number}": number for number in range(14)},
    "left_out": [{"what": "files .heic", "count": 40, "why": "Pillow cannot read them"}],
    "duplicates": {"train-val": 0, "train-test": 1, "val-test": 2},
}


def test_results_have_the_keys_of_the_contract() -> None:
    found = record(SUMMARY)
    assert found["parts"]["train"] == {"samples": 1200, "from": "photos/train"}
    assert found["left_out"] == [["40 files .heic", "Pillow cannot read them"]]
    assert found["duplicates"] == 3 and found["duplicate_pairs"] == SUMMARY["duplicates"]
    assert found["classes"] == SUMMARY["classes"]
    assert record({}) == {}


def test_three_lines_say_what_was_read() -> None:
    splits, classes, rest = lines(SUMMARY)
    assert splits == "data: train 1,200 (photos/train), val 30 (drawn), test 40 (photos/test)"
    assert classes.startswith("14 classes in training: c0 0, c1 1, ") and classes.endswith("c11 11, 2 more")
    assert rest == (
        "left out: 40 files .heic (Pillow cannot read them); identical samples: 1 in train and test, 2 in val and test"
    )


def test_data_that_tell_nothing_have_an_empty_summary() -> None:
    assert summary_of(L.LightningDataModule()) == {}
    assert list(lines({})) == []


def test_duplicates_that_were_not_counted_are_null() -> None:
    found = record({"duplicates": None, "duplicates_note": "more than 5"})
    assert found == {"duplicates": None, "duplicate_pairs": None, "duplicates_note": "more than 5"}


@pytest.mark.parametrize("name", ["digits", "iris", "diabetes", "fake", "sunspots", "number_words", "cartpole"])
def test_all_kinds_of_data_have_the_general_keys(name: str) -> None:
    changes = {"size": 200} if name == "number_words" else {}
    found = summary_of(build(name, **changes))
    assert {"splits", "classes", "left_out", "duplicates"} <= set(found)
    assert all(
        found["splits"][part]["samples"] and found["splits"][part]["source"] for part in ("train", "val", "test")
    )
    assert (found["classes"] is not None) == (name in ("digits", "iris", "fake"))


def test_the_columns_of_a_table_are_told_by_kind_with_what_was_guessed() -> None:
    columns = {
        "id": {"kind": "identifier left out", "used": False, "why": "each row has another value"},
        **{f"g{number}": {"kind": "number", "used": True} for number in range(2000)},
        "price": {"kind": "number", "used": True, "format": "in $", "missing": 3},
        "y": {"kind": "target", "used": False, "as": "classes"},
    }
    (line,) = lines({"columns": columns})
    assert line == (
        "columns: 1 identifier left out (id);"
        " 2,001 number (price: in $, 3 missing, g0, g1, g2, g3, 1,996 more); 1 target (y: classes)"
    )
    recorded = record({"columns": columns})
    assert recorded["columns"]["id"] == "identifier left out" and len(recorded["columns"]) == 2003
    assert recorded["column_facts"] == {
        "id": {"why": "each row has another value"},
        "price": {"format": "in $", "missing": 3},
        "y": {"as": "classes"},
    }


def test_a_code_as_large_as_the_sample_and_the_unit_of_errors_are_told() -> None:
    task: Any = SimpleNamespace(
        input_shape=(8,), net=SimpleNamespace(latent_size=16), noise="none", sparsity="none", contraction=0.0
    )
    table = SimpleNamespace(columns=["a column"])
    copies, unit = Reconstruction.remarks(task, table)
    assert "16 numbers can hold a whole sample of 8" in copies and "model.latent_size=4" in copies
    assert unit.startswith("errors are of standardised columns")
    task.noise = "masking"
    assert Reconstruction.remarks(task, table) == [unit], "with noise copying is no solution"


@pytest.mark.parametrize(("mean", "std", "told"), [(0.45, 0.23, True), (0.13, 0.31, False), (0.5, 0.5, False)])
def test_grey_values_as_probabilities_are_told(mean: float, std: float, told: bool) -> None:
    task: Any = SimpleNamespace(loss=Bernoulli(), pixels=SimpleNamespace(is_image=True))
    data = SimpleNamespace(pixel_statistics=lambda: (torch.tensor([[[mean]]]), torch.tensor([[[std]]])))
    assert bool(Variational.remarks(task, data)) == told
    task.loss = Bernoulli(binarize="threshold")
    assert not Variational.remarks(task, data)


def test_more_parameters_than_tokens_are_told() -> None:
    task: Any = SimpleNamespace(net=torch.nn.Linear(9, 10))
    assert not Language.remarks(task, SimpleNamespace(split=lambda name: range(100)))
    (told,) = Language.remarks(task, SimpleNamespace(split=lambda name: range(99)))
    assert told.startswith("the network has 100 parameters and the training text 99 tokens")


def test_few_images_for_a_gan_and_large_batches_are_told() -> None:
    data: Any = SimpleNamespace(split=lambda name: range(40), batch_size=64)
    images = SimpleNamespace(is_image=True)
    assert "40 training images are few" in Adversarial.remarks(SimpleNamespace(diffaug=False, pixels=images), data)[0]
    assert not Adversarial.remarks(SimpleNamespace(diffaug=True, pixels=images), data)
    task: Any = SimpleNamespace()
    assert "data.batch_size=64 is more than the 40 training samples" in remarks_of(task, data)[0]
    data.batch_size = 32
    assert not remarks_of(task, data)
