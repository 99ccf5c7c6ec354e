"""Which runs are one row, which keys are columns, and who stands first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netyard.reports.configurations import Table, tabulate
from netyard.run_directories.records import Objective, gather
from support.run_directories import made_ledger, made_run


def table_of(place: Path) -> Table:
    (table,) = tabulate(gather([place])[0])
    return table


def cells(table: Table) -> list[tuple[object, ...]]:
    return [tuple(row.cells.values()) for row in table.rows]


def test_seeds_are_folded_and_the_best_row_is_first(tmp_path: Path) -> None:
    scores = {
        ("0.1", 0): 0.80,
        ("0.1", 1): 0.90,
        ("0.1", 2): 0.85,
        ("0.01", 0): 0.95,
        ("0.01", 1): 0.93,
        ("0.01", 2): 0.97,
    }
    for number, ((lr, seed), value) in enumerate(scores.items()):
        made_run(tmp_path / str(number), value, [f"optimizer.lr={lr}"], seed=seed)
    table = table_of(tmp_path)
    assert table.columns == ["optimizer.lr"]
    assert cells(table) == [(0.01,), (0.1,)]
    assert [len(row.runs) for row in table.rows] == [3, 3]
    assert [row.runs[0].path.name for row in table.rows] == ["5", "1"], "the best run of each row"


def test_data_sets_are_ranked_apart(tmp_path: Path) -> None:
    for number, (data, seed) in enumerate([("iris", 0), ("iris", 1), ("wine", 0), ("wine", 1)]):
        config = {"data": {"num_classes": 3, "dataset": data}}  # what follows from the option is not in the title
        made_run(tmp_path / str(number), number / 10, [f"data={data}"], seed=seed, chosen={"data": data}, config=config)
    tables = tabulate(gather([tmp_path])[0])
    assert [table.title for table in tables] == ["val/accuracy on iris", "val/accuracy on wine"]
    assert [len(row.runs) for table in tables for row in table.rows] == [2, 2]


@pytest.mark.parametrize(
    ("data", "apart"),
    [
        ({"path": "a.csv"}, True),
        ({"target": "price"}, True),
        ({"_target_": "netyard.data.images.image_folder.ImageFolder", "root": "photos"}, True),
        ({"_target_": "netyard.data.images.torchvision_sets.TorchvisionImages", "root": "photos"}, False),
        ({"options": {"size": 8}}, True),
        ({"batch_size": 32}, False),
        ({"image_size": 64}, False),
        ({"num_folds": 5}, False),
    ],
    ids=lambda data: str(data),
)
def test_files_and_targets_distinguish_data_sets_and_preparation_does_not(tmp_path: Path, data, apart) -> None:
    class_of = {"_target_": data["_target_"]} if "_target_" in data else {}
    for number, more in enumerate([{}, data]):
        made_run(tmp_path / str(number), 0.9, config={"data": {"num_classes": 10, **class_of, **more}})
    assert len(tabulate(gather([tmp_path])[0])) == 1 + apart


def test_a_title_names_the_file_where_the_option_is_the_same(tmp_path: Path) -> None:
    for number, path in enumerate(("a.csv", "b.csv")):
        made_run(tmp_path / str(number), 0.5, config={"data": {"num_classes": 3, "path": path}}, chosen={"data": "csv"})
    titles = [table.title for table in tabulate(gather([tmp_path])[0])]
    assert titles == ["val/accuracy on data.path=a.csv", "val/accuracy on data.path=b.csv"]


def test_perplexities_of_other_tokens_are_ranked_apart(tmp_path: Path) -> None:
    for number, tokens in enumerate(["characters", "words"]):
        config = {"data": {"num_classes": 10, "tokens": tokens}}
        made_run(tmp_path / str(number), 5.0, config=config, objective=("val/perplexity", "min"))
    assert len(tabulate(gather([tmp_path])[0])) == 2
    assert len(tabulate(gather([tmp_path])[0], Objective("val/bits_per_character", "min"))) == 0


def test_runs_for_debugging_are_not_ranked(tmp_path: Path) -> None:
    made_run(tmp_path / "a", 0.5)
    made_run(tmp_path / "b", 0.9, ["debug=smoke"], chosen={"debug": "smoke"})
    assert [row.values("val/accuracy") for row in table_of(tmp_path).rows] == [[0.5]]


def test_one_and_one_point_zero_are_two_values_where_the_type_matters(tmp_path: Path) -> None:
    trainer = {"_target_": "lightning.Trainer", "limit_train_batches": 1, "gradient_clip_val": 1}
    floats = {"limit_train_batches": 1.0, "gradient_clip_val": 1.0}
    made_run(tmp_path / "0", 0.1, ["optimizer.lr=1"], config={"trainer": trainer})
    made_run(tmp_path / "1", 0.9, ["optimizer.lr=1.0"], config={"trainer": trainer | floats})
    table = table_of(tmp_path)
    assert (table.columns, cells(table)) == (["trainer.limit_train_batches"], [(1.0,), (1,)])


@pytest.mark.parametrize("key", ["test", "log_every_n_steps", "enable_progress_bar"])
def test_what_does_not_change_a_score_splits_no_row(tmp_path: Path, key: str) -> None:
    for number in range(2):
        made_run(tmp_path / str(number), 0.9, config={"trainer": {key: number}}, seed=number)
    assert [len(row.runs) for row in table_of(tmp_path).rows] == [2]


def test_one_learning_rate_written_twice_is_one_row(tmp_path: Path) -> None:
    for number, lr in enumerate(["1", "1.0"]):
        made_run(tmp_path / str(number), 0.9, [f"optimizer.lr={lr}"], seed=number)
    assert [len(row.runs) for row in table_of(tmp_path).rows] == [2]


def test_values_of_different_losses_are_said_to_be_no_one_quantity(tmp_path: Path) -> None:
    for number, loss in enumerate(["mse", "huber"]):
        made_run(
            tmp_path / str(number),
            0.5,
            [f"loss={loss}"],
            objective=("val/loss", "min"),
            config={"loss": {"_target_": loss}},
        )
    assert any("different losses" in note for note in table_of(tmp_path).notes)


def test_a_loss_is_best_when_small(tmp_path: Path) -> None:
    for number, value in enumerate((0.3, 0.1, 0.2)):
        made_run(tmp_path / str(number), value, [f"model.dropout=0.{number}"], objective=("val/loss", "min"))
    assert [row.values("val/loss") for row in table_of(tmp_path).rows] == [[0.1], [0.2], [0.3]]


def test_what_a_choice_implies_is_no_column(tmp_path: Path) -> None:
    made_run(tmp_path / "a", 0.9, ["optimizer=adam"], "adam")
    made_run(tmp_path / "b", 0.8, ["optimizer=sgd"], "sgd")
    assert table_of(tmp_path).columns == ["optimizer"], "not its _target_, lr, betas or momentum"


def test_what_a_choice_does_not_imply_is_one(tmp_path: Path) -> None:
    for number, (optimizer, lr) in enumerate([("adam", 0.1), ("adam", 0.2), ("sgd", 0.1), ("sgd", 0.2)]):
        made_run(tmp_path / str(number), number / 10, [f"optimizer={optimizer}", f"optimizer.lr={lr}"], optimizer)
    assert table_of(tmp_path).columns == ["optimizer", "optimizer.lr"]


def test_a_difference_that_nobody_typed_is_found(tmp_path: Path) -> None:
    for number, dropout in enumerate((0.0, 0.5)):
        model = {"model": {"_target_": "mine.Net", "num_outputs": "${data.num_classes}", "dropout": dropout}}
        made_run(tmp_path / str(number), 0.9, config=model)
    assert table_of(tmp_path).columns == ["model.dropout"]


def test_an_interpolation_counts_as_what_it_leads_to(tmp_path: Path) -> None:
    made_run(tmp_path / "a", 0.9)
    made_run(
        tmp_path / "b", 0.8, config={"model": {"_target_": "netyard.models.mlp.MLP", "num_outputs": 12, "dropout": 0}}
    )
    table = table_of(tmp_path)
    assert (table.columns, cells(table)) == (["model.num_outputs"], [(10,), (12,)])


def test_a_key_that_some_runs_lack_is_shown_as_missing(tmp_path: Path) -> None:
    made_run(tmp_path / "0", 0.9, ["optimizer=adam"], "adam")
    made_run(tmp_path / "1", 0.8, ["optimizer=sgd", "optimizer.momentum=0.9"], "sgd")
    made_run(tmp_path / "2", 0.7, ["optimizer=sgd", "optimizer.momentum=0.5"], "sgd")
    made_ledger(tmp_path, ["optimizer", "optimizer.momentum"], [{}, {}, {}])
    table = table_of(tmp_path)
    assert table.columns == ["optimizer", "optimizer.momentum"]
    assert cells(table) == [("adam", "-"), ("sgd", 0.9), ("sgd", 0.5)]


def test_a_sweeps_axes_are_the_columns_in_its_order(tmp_path: Path) -> None:
    grid = [(size, lr) for size in (32, 64) for lr in (0.1, 0.2)]
    for number, (size, lr) in enumerate(grid):
        typed = [f"optimizer.lr={lr}", f"data.batch_size={size}", "trainer=cpu"]
        made_run(tmp_path / str(number), number / 10, typed)
    made_ledger(tmp_path, ["data.batch_size", "optimizer.lr"], [{}] * 4)
    assert table_of(tmp_path).columns == ["data.batch_size", "optimizer.lr"]


def test_what_two_sweeps_were_told_apart_by_is_a_column(tmp_path: Path) -> None:
    for sweep, (size, lr) in {"a": (32, 0.1), "b": (64, 0.2)}.items():
        made_run(tmp_path / sweep / "0", 0.9, [f"optimizer.lr={lr}", f"data.batch_size={size}"])
        made_ledger(tmp_path / sweep, ["optimizer.lr"], [{}])
    assert table_of(tmp_path).columns == ["optimizer.lr", "data.batch_size"]


def test_folds_are_repetitions_too(tmp_path: Path) -> None:
    for number in range(10):
        lr, fold = 0.1 * (1 + number // 5), number % 5
        made_run(tmp_path / str(number), number / 10, [f"optimizer.lr={lr}", f"data.fold={fold}"], fold=fold)
    made_ledger(tmp_path, ["optimizer.lr", "data.fold"], [{}] * 10)
    table = table_of(tmp_path)
    assert table.columns == ["optimizer.lr"]
    assert [len(row.runs) for row in table.rows] == [5, 5]
    assert table.repeated == "folds"
    assert any("Folds" in note for note in table.notes)


def test_a_seed_that_was_run_twice_counts_once(tmp_path: Path) -> None:
    made_run(tmp_path / "old", 0.5, ended="2026-11-24T11:00:00+00:00")
    made_run(tmp_path / "new", 0.7, ended="2026-11-24T13:00:00+00:00")
    made_run(tmp_path / "other", 0.9, seed=1)
    table = table_of(tmp_path)
    (row,) = table.rows
    assert row.values("val/accuracy") == [0.9, 0.7]
    assert any(note.startswith("1 older") for note in table.notes)


def test_threads_do_not_make_a_configuration_unless_they_are_swept(tmp_path: Path) -> None:
    for number in range(2):
        made_run(tmp_path / str(number), 0.9, config={"threads": number + 1}, seed=number)
    assert len(table_of(tmp_path).rows) == 1
    made_ledger(tmp_path, ["threads"], [{}, {}])
    assert table_of(tmp_path).columns == ["threads"]


def test_numbers_are_equal_however_they_are_written(tmp_path: Path) -> None:
    for number, dropout in enumerate((0, 0.0)):
        made_run(tmp_path / str(number), 0.9, [f"model.dropout={dropout}"], seed=number)
    assert len(table_of(tmp_path).rows) == 1


def test_results_alone_tell_runs_apart(tmp_path: Path) -> None:
    for number, model in enumerate(("mlp", "cnn", "mlp")):
        objective = {"name": "val/accuracy", "mode": "max", "value": number / 10, "epoch": 0}
        results = {
            "model": model,
            "data": "digits",
            "task": "classification",
            "optimizer": "adam",
            "objective": objective,
        }
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "results.json").write_text(json.dumps({**results, "seed": number}), encoding="utf-8")
    table = table_of(tmp_path)
    assert (table.columns, cells(table)) == (["model"], [("mlp",), ("cnn",)])
    assert [len(row.runs) for row in table.rows] == [2, 1]


def test_different_objectives_have_a_table_each(tmp_path: Path) -> None:
    made_run(tmp_path / "a", 0.9)
    made_run(tmp_path / "b", 0.2, objective=("val/loss", "min"))
    tables = tabulate(gather([tmp_path])[0])
    assert [table.ranked for table in tables] == [Objective("val/accuracy", "max"), Objective("val/loss", "min")]


def test_another_metric_takes_the_objectives_place(tmp_path: Path) -> None:
    for number, (value, tested) in enumerate([(0.9, 0.7), (0.8, 0.75)]):
        made_run(tmp_path / str(number), value, [f"model.dropout=0.{number}"], metrics={"test/accuracy": tested})
    (table,) = tabulate(gather([tmp_path])[0], Objective("test/accuracy", "max"))
    assert cells(table) == [(0.1,), (0.0,)]


@pytest.mark.parametrize("modes", [("max", "min")])
def test_the_front_of_two_objectives(tmp_path: Path, modes: tuple[str, str]) -> None:
    points = [(0.9, 5.0), (0.8, 3.0), (0.7, 4.0)]  # the last is worse than the second in both
    for number, (accuracy, loss) in enumerate(points):
        made_run(tmp_path / str(number), accuracy, [f"model.dropout=0.{number}"], metrics={"val/loss": loss})
    names = [("val/accuracy", modes[0]), ("val/loss", modes[1])]
    made_ledger(tmp_path, ["model.dropout"], [{"values": list(point)} for point in points], names)
    table = table_of(tmp_path)
    assert [row.values("val/loss") for row in table.front] == [[5.0], [3.0]]
