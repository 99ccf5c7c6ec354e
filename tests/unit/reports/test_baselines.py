"""Models without a network beside the runs that they are compared with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from netyard.reports.baselines import Baseline, baselines_of, charts_of, main_metric, remark_on
from netyard.reports.configurations import tabulate
from netyard.reports.tables import comma_separated, markdown
from netyard.run_directories.records import Run, gather
from support.run_directories import made_run

DIGITS = {"test/accuracy": {"majority": 0.1, "support_vector_machine": 0.98}}


def runs_of(place: Path) -> list[Run]:
    return gather([place])[0]


def run_of(place: Path, **given: object) -> Run:
    return runs_of(made_run(place / "run", **given))[0]  # type: ignore[arg-type]


def cells_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_a_baseline_is_a_row_of_its_own_and_no_run(tmp_path: Path) -> None:
    for seed in range(3):
        made_run(tmp_path / str(seed), 0.9, seed=seed, metrics={"test/accuracy": 0.96}, baselines=DIGITS)
    (table,) = tabulate(runs_of(tmp_path))
    head, _, network, best, worst = cells_of(markdown(table))
    place = {name: head.index(name) for name in ("#", "val/accuracy", "test/accuracy", "n", "best run")}
    assert [row[place["#"]] for row in (network, best, worst)] == [
        "1",
        "baseline: support_vector_machine",
        "baseline: majority",
    ]
    assert [row[place["test/accuracy"]] for row in (network, best, worst)] == ["0.9600 ± 0.0000", "0.9800", "0.1000"]
    assert [row[place["val/accuracy"]] for row in (best, worst)] == ["-", "-"]
    assert [row[place["n"]] for row in (network, best)] == ["3", ""] and best[place["best run"]] == ""
    assert "they have no rank and count in no statistics" in markdown(table)


def test_baselines_stay_below_the_rows_that_are_printed(tmp_path: Path) -> None:
    for number in range(3):
        made_run(tmp_path / str(number), number / 10, [f"optimizer.lr=0.{number + 1}"], baselines=DIGITS)
    (table,) = tabulate(runs_of(tmp_path))
    assert [row[0] for row in cells_of(markdown(table, 1))[2:]] == [
        "1",
        "baseline: support_vector_machine",
        "baseline: majority",
    ]


def test_runs_of_before_have_the_table_that_they_had(tmp_path: Path) -> None:
    made_run(tmp_path / "run", 0.9, metrics={"test/accuracy": 0.8})
    (table,) = tabulate(runs_of(tmp_path))
    assert table.baselines == [] and "aseline" not in markdown(table) + comma_separated([table])


def test_csv_marks_baselines_in_a_column(tmp_path: Path) -> None:
    made_run(tmp_path / "run", 0.9, metrics={"test/accuracy": 0.8}, baselines=DIGITS)
    network, best, _ = csv.DictReader(io.StringIO(comma_separated(tabulate(runs_of(tmp_path)))))
    assert (network["baseline"], network["rank"], network["n"]) == ("", "1", "1")
    assert (best["baseline"], best["rank"], best["n"], best["best_run"]) == ("support_vector_machine", "", "0", "")
    assert (best["mean"], best["test/accuracy"], best["objective"]) == ("", "0.98", "val/accuracy")


def test_each_data_set_has_its_own(tmp_path: Path) -> None:
    for number, data in enumerate(("iris", "wine")):
        values = {"test/accuracy": {"majority": number / 10}}
        made_run(tmp_path / data, 0.9, chosen={"data": data}, metrics={"test/accuracy": 0.8}, baselines=values)
    assert [table.baselines for table in tabulate(runs_of(tmp_path))] == [
        [Baseline("majority", {"test/accuracy": [0.0]})],
        [Baseline("majority", {"test/accuracy": [0.1]})],
    ]


def test_seeds_on_one_split_have_one_value_and_folds_several(tmp_path: Path) -> None:
    for fold in range(2):
        for seed in range(2):
            values = {"test/accuracy": {"majority": 0.1 + fold / 10}}
            made_run(tmp_path / f"{fold}{seed}", 0.9, seed=seed, fold=fold, baselines=values)
    (of_folds,) = baselines_of(runs_of(tmp_path))
    assert sorted(of_folds.values("test/accuracy")) == [0.1, 0.2]
    (of_seeds,) = baselines_of(run for run in runs_of(tmp_path) if run.value("data.fold") == 0)
    assert of_seeds.values("test/accuracy") == [0.1]


@pytest.mark.parametrize(
    ("metric", "order"),
    [("test/mae", ["good", "bad"]), ("test/r2", ["bad", "good"])],
)
def test_the_best_is_first_whichever_way_the_metric_is_better(tmp_path: Path, metric: str, order: list[str]) -> None:
    run = run_of(tmp_path, metrics={metric: 0.5}, baselines={metric: {"bad": 0.9, "good": 0.1}})
    assert [each.name for each in baselines_of([run])] == order
    assert [bar["name"] for bar in charts_of(run, str, {})[0]["bars"]] in (
        ["good", "mlp", "bad"],
        ["bad", "mlp", "good"],
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.96, "is worse than that of the best baseline, support_vector_machine with 0.98."), (0.99, "is better than")],
)
def test_a_sentence_says_who_is_better(tmp_path: Path, value: float, said: str) -> None:
    run = run_of(tmp_path, metrics={"test/accuracy": value}, baselines=DIGITS)
    assert said in remark_on(run, str)


def test_the_compared_metric_is_what_the_run_says(tmp_path: Path) -> None:
    values = {"test/loss": {"majority": 2.3}, "test/score": {"majority": 1.0}}
    path = made_run(tmp_path / "run", metrics={"test/loss": 1.0, "test/score": 3.0}, baselines=values)
    (run,) = runs_of(path)
    assert main_metric(run) == "test/loss", "no name says whether a score is better when it is higher"
    results = json.loads((path / "results.json").read_text())
    facts = {"metric": "test/score", "mode": "max", "best": "majority"}
    (path / "results.json").write_text(json.dumps({**results, "baseline_facts": facts}))
    (run,) = runs_of(path)
    assert main_metric(run) == "test/score" and "is better than" in remark_on(run, str)


def test_a_standard_error_stands_behind_the_main_metric_of_its_baseline(tmp_path: Path) -> None:
    values = {"test/length": {"random_policy": 9.0}, "test/return": {"random_policy": 20.0}}
    run = run_of(tmp_path, objective=("val/return", "max"), metrics={"test/return": 1.0}, baselines=values)
    charts = charts_of(run, str, {"random_policy": 1.25, "mlp": 9.0})
    assert [[bar["text"] for bar in chart["bars"]] for chart in charts] == [["20.0 ± 1.2", "1.0"]], (
        "a length is neither better nor worse"
    )


def test_bars_of_negative_values_end_at_zero(tmp_path: Path) -> None:
    values = {"test/return": {"random_policy": -500.0, "scripted_policy": -100.0}}
    run = run_of(tmp_path, metrics={"test/return": 100.0}, baselines=values)
    bars = charts_of(run, str, {})[0]["bars"]
    assert [(bar["name"], bar["start"], bar["width"]) for bar in bars] == [
        ("mlp", "83.33", "16.67"),
        ("scripted_policy", "66.67", "16.67"),
        ("random_policy", "0.00", "83.33"),
    ]


@pytest.mark.parametrize(
    "broken", [{"test/accuracy": None}, [], "text", {"test/accuracy": {"a": "b", "c": None, "d": float("inf")}}]
)
def test_broken_results_have_no_baselines(tmp_path: Path, broken: object) -> None:
    path = made_run(tmp_path / "run")
    results = json.loads((path / "results.json").read_text())
    (path / "results.json").write_text(json.dumps({**results, "baselines": broken, "baseline_facts": broken}))
    (run,) = runs_of(path)
    assert (run.state, run.baselines, run.compared) == ("completed", {}, None)
