"""CSV tables: the encoding of columns, no leakage from held-out rows, and refused files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from netyard.data.tables.csv_file import CSVFile
from netyard.data.tables.csv_file_check import check
from netyard.data.tables.csv_reader import read_table
from netyard.errors import ConfigError, DataError
from support.datasets import build

Write = Callable[[str], Path]


def table(rows: int = 40, delimiter: str = ",") -> str:
    lines = [delimiter.join(["age", "city", "income", "bought"])]
    for i in range(rows):
        city = ["Rome", "Oslo", '"Paris, Texas"' if delimiter == "," else "Paris"][i % 3]
        lines.append(delimiter.join([str(20 + i), city, f"{1000.5 * i:.1f}", ["yes", "no"][i % 2]]))
    return "\n".join(lines) + "\n"


def load(path: Path, target: str = "bought", **changes: Any) -> CSVFile:
    data = build("csv", path=str(path), target=target, **changes)
    assert isinstance(data, CSVFile)
    data.setup()
    return data


def test_facts_and_batches_of_classes(write_csv: Write) -> None:
    data = load(write_csv(table()), batch_size=8)
    assert data.facts() == {"num_features": 5, "num_classes": 2}
    assert data.class_names == ["no", "yes"]
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert x.shape == (8, 5) and x.dtype == torch.float32 and y.dtype == torch.int64
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [29, 3, 8]


def test_facts_and_batches_of_numbers(write_csv: Write) -> None:
    data = load(write_csv(table()), target="income", batch_size=8)
    assert data.facts() == {"num_features": 6, "num_targets": 1}
    x, y = data.on_after_batch_transfer(next(iter(data.train_dataloader())), 0)
    assert x.shape == (8, 6) and y.shape == (8, 1) and y.dtype == torch.float32
    mean, std = data.target_statistics()
    assert mean.shape == std.shape == (1,) and 15_000 < mean.item() < 24_000


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(write_csv: Write, delimiter: str) -> None:
    assert load(write_csv(table(delimiter=delimiter))).facts()["num_features"] == 5


def test_quotes_blank_lines_and_byte_order_mark(write_csv: Write) -> None:
    path = write_csv('\ufeffa,b\n"1", "x\ny"\n\n 2 ,"say ""z"""\n')
    read = read_table(path)
    assert read.columns == {"a": ["1", "2"], "b": ["x\ny", 'say "z"']} and read.lines == [3, 5]


def test_each_row_is_in_one_split(write_csv: Write) -> None:
    data = load(write_csv(table()), target="age", drop=["city", "bought"])
    ages = torch.cat([data.split(part).y[:, 0] for part in ("train", "val", "test")])
    assert sorted(ages.tolist()) == list(range(20, 60))


def test_nothing_leaks_from_validation_and_test(write_csv: Write) -> None:
    """Change every held-out row: the training split stays bit-identical."""
    path = write_csv(table(60))
    before = load(path)
    lines = path.read_text().splitlines()
    held = {
        round(float(row[0] * before.columns[0].std + before.columns[0].mean))
        for part in ("val", "test")
        for row in before.split(part).x
    }
    assert len(held) == 17
    for number, line in enumerate(lines[1:], start=1):
        age, rest = line.split(",", 1)
        if int(age) in held:
            lines[number] = f"1e9,Atlantis,-5e8,{rest.rsplit(',', 1)[1]}"
    path.write_text("\n".join(lines))
    after = load(path)
    assert torch.equal(before.split("train").x, after.split("train").x)
    assert torch.equal(before.split("train").y, after.split("train").y)
    assert [column.words for column in before.columns] == [column.words for column in after.columns]
    assert (after.split("test").x[:, 1:4] == 0).all()  # a city that training has not seen


def test_numbers_are_standardised_and_words_are_not(write_csv: Write) -> None:
    x = load(write_csv(table())).split("train").x
    torch.testing.assert_close(x[:, [0, 4]].mean(dim=0), torch.zeros(2), rtol=0, atol=1e-5)
    torch.testing.assert_close(x[:, [0, 4]].std(dim=0, correction=0), torch.ones(2))
    assert set(x[:, 1:4].unique().tolist()) == {0.0, 1.0} and (x[:, 1:4].sum(dim=1) == 1).all()


def test_time_stamps_keep_their_digits(write_csv: Write) -> None:
    rows = "".join(f"{1_700_000_000 + i},{i % 2}\n" for i in range(40))
    assert len(load(write_csv("time,y\n" + rows), target="y").split("train").x.unique()) == 29


@pytest.mark.parametrize(
    ("cells", "kind", "names"),
    [
        ([0, 1], "auto", ["0", "1"]),
        ([2, 10], "auto", ["2", "10"]),  # sorted as numbers
        (["1", "1.0", "2"], "auto", ["1", "2"]),
        (range(20), "auto", [str(i) for i in range(20)]),
        (range(21), "auto", None),
        ([0.5, 1.5], "auto", None),
        ([0.5, 1.5], "class", ["0.5", "1.5"]),
        ([0, 1], "number", None),
        (["b", "a"], "auto", ["a", "b"]),
    ],
)
def test_kinds_of_target(write_csv: Write, cells: Any, kind: str, names: list[str] | None) -> None:
    cells = list(cells)
    rows = "".join(f"{i},{cells[i % len(cells)]}\n" for i in range(80))
    data = load(write_csv("x,y\n" + rows), target="y", target_kind=kind)
    assert data.class_names == names
    assert data.facts() == {
        "num_features": 1,
        **({"num_classes": len(names)} if names else {"num_targets": 1}),
    }


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        (None, {}, r"cannot be read: No such file.*try data\.path=FILE"),
        ("", {}, "has no rows"),
        ("a,bought\n", {}, "has no rows"),
        ("a,a\n1,2\n", {}, "names column 'a' twice"),
        ("a,bought\n1,yes\n2\n", {}, "line 3 of .* has 1 cells; the first line names 2 columns"),
        (table(), {"target": "bougth"}, r"no column 'bougth'; it has .*bought.*; try data\.target=bought"),
        (table(), {"drop": ["citty"]}, "no column 'citty'; it has .*city"),
        (table(), {"drop": ["age", "city", "income"]}, "no column of .* is left besides the target 'bought'"),
        (table().replace("\n25,", "\n,"), {}, "column 'age', line 7 of .* is empty"),
        (table().replace("\n25,", "\nNaN,"), {}, "column 'age', line 7 of .* is 'NaN'"),
        (table().replace("\n25,", "\ninf,"), {}, "column 'age', line 7 of .* is 'inf'"),
        (table().replace("\n25,", "\nold,"), {}, "column 'age', line 7 of .* is 'old'"),
        (table().replace("Rome", ""), {}, "column 'city', line 2 of .* is empty"),
        (table().replace("no", "yes"), {}, "contains only one class, 'yes'"),
        (table(), {"num_classes": 3}, r"contains 2 classes, not 3"),
        (table(), {"target_kind": "number"}, r"contains words; .*try data\.target_kind=class"),
        (
            "city,y\n" + "".join(f"k{i % 400},{i % 2}\n" for i in range(800)),
            {"target": "y"},
            r"\d+ different words.*try data\.drop=\[city\]",
        ),
        ("x,bought\n1,yes\n", {"target": "bought"}, "contains only one class"),
        ("x,y\n1,0.5\n", {"target": "y"}, r"has 1 sample\(s\)"),
        ("x,y\n1,0.5\n2,0.7\n", {"target": "y"}, r"has 1 sample\(s\)"),
    ],
)
def test_refusals(write_csv: Write, tmp_path: Path, text: str | None, changes: dict[str, Any], message: str) -> None:
    path = tmp_path / "nowhere.csv" if text is None else write_csv(text)
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        load(path, **changes)
    assert "\n" not in str(caught.value)


def test_mostly_missing_numbers_are_not_words(write_csv: Write) -> None:
    rows = "".join(f"{'NA' if i % 2 else i},{i % 2}\n" for i in range(40))
    with pytest.raises(DataError, match=r"column 'x', line 3 of .* is 'NA'"):
        load(write_csv("x,y\n" + rows), target="y")


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(np.arange(256, dtype=np.uint8).tobytes())
    with pytest.raises(DataError, match="not UTF-8 text"):
        load(path)


def test_unknown_kind(write_csv: Write) -> None:
    with pytest.raises(Exception, match="it must be one of auto, class, labels, number") as caught:
        load(write_csv(table()), target_kind="float")
    assert isinstance(caught.value.__cause__ or caught.value, ConfigError)


def test_the_summary_has_the_kind_of_each_column_and_what_was_left_out(write_csv: Write) -> None:
    lines = [
        f"{i};{i / 2:.1f};{['Rome', 'Oslo'][i % 2]};2024-01-{1 + i % 28:02};{['yes', 'no', ''][i % 3]}"
        for i in range(60)
    ]
    data = load(write_csv("\n".join([";a;city;day;bought", *lines]).replace(".", ",")))
    found = data.summary()
    assert [found["splits"][part]["samples"] for part in ("train", "val", "test")] == [29, 3, 8]  # of 40
    assert sum(found["classes"].values()) == 29
    assert {name: each["kind"] for name, each in found["columns"].items()} == {
        "unnamed_1": "row index left out",
        "a": "number",
        "city": "category",
        "day": "date left out",
        "bought": "target",
    }
    assert found["columns"]["a"]["format"] == "decimal comma" and found["file"] == {"delimiter": ";"}
    assert [(each["what"], each["count"]) for each in found["left_out"]] == [
        ("column 'unnamed_1'", 1),
        ("column 'day'", 1),
        ("rows", 20),
    ]
    assert data.facts() == {"num_features": 3, "num_classes": 2}


def test_other_data_are_read_by_the_rules_of_the_run(write_csv: Write, tmp_path: Path, caplog: Any) -> None:
    rows = [f"{i / 4:.2f};{['u', 'v', ''][i % 3]};{['p', 'q'][i % 2]}".replace(".", ",") for i in range(60)]
    trained = load(write_csv("\n".join(["a;g;y", *rows])), target="y", missing="indicator")
    (tmp_path / "other.csv").write_text("a,g,y\n" + "".join(f"{i},w,{'pq'[i % 2]}\n" for i in range(20)) + ",,p\n")
    other = build("csv", path=str(tmp_path / "other.csv"), target="y")
    other.load_state_dict(trained.state_dict())
    assert other.facts() == {"num_features": 4, "num_classes": 2}  # a; u, v, missing
    x = torch.cat([other.split(part).x for part in ("train", "val", "test")])
    assert len(x) == 21 and x[:, 1:3].eq(0).all() and x[:, 3].sum() == 1
    assert (
        "other.csv: column 'g': 20 cell(s) with 1 value(s) that the training split does not have, such as 'w'"
        in caplog.text
    )
    assert other.summary()["columns"]["g"] == {"kind": "category", "used": True, "unseen": 20}


def test_the_strategy_for_missing_cells_can_be_chosen_for_other_data(write_csv: Write, tmp_path: Path) -> None:
    trained = load(write_csv(table()))
    path = tmp_path / "other.csv"
    path.write_text(table().replace("\n25,", "\n,"))
    for missing, samples in (("mean", 40), ("drop", 39)):
        other = load_with(trained, path, missing=missing)
        assert sum(len(other.split(part)) for part in ("train", "val", "test")) == samples
    with pytest.raises(
        DataError, match=r"column 'age', line 7 of .* is empty; the network was trained on a finite number"
    ):
        load_with(trained, path).setup()


def load_with(trained: CSVFile, path: Path, **changes: Any) -> Any:
    other = build("csv", path=str(path), target="bought", **changes)
    other.load_state_dict(trained.state_dict())
    return other


def test_a_state_of_an_older_version_is_loaded(write_csv: Write) -> None:
    """Columns without the newer fields: an unnamed column and a date were features."""
    lines = [f"{i},{['2024-01-01', '2024-01-02'][i % 2]},{'pq'[i % 2]}" for i in range(40)]
    path = write_csv("\n".join([",day,y", *lines]))
    old = {
        "class_names": ["p", "q"],
        "columns": [
            {"name": "", "mean": 10.0, "std": 2.0, "words": None},
            {"name": "day", "mean": 0.0, "std": 1.0, "words": ["2024-01-01", "2024-01-02"]},
        ],
    }
    data = build("csv", path=str(path), target="y")
    data.load_state_dict(old)
    assert data.facts() == {"num_features": 3, "num_classes": 2}
    assert data.state_dict()["columns"] == old["columns"]
    first = next(data.inputs(str(path)).batches)
    assert first.x[:2].tolist() == [[-5, 1, 0], [-4.5, 0, 1]]


def test_a_target_can_be_corrected(write_csv: Write) -> None:
    path = write_csv("x,y\n" + "".join(f"{i},{i % 3}\n" for i in range(40)))
    data = load(path, target="y")
    assert data.class_names == ["0", "1", "2"] and data.target_correction == "data.target_kind=number"
    assert load(path, target="y", target_kind="number").facts() == {"num_features": 1, "num_targets": 1}


def test_rows_of_a_group_are_in_one_split_and_the_group_is_no_feature(write_csv) -> None:
    lines = [f"{number % 7},p{number // 5},{'ab'[number // 5 % 2]}" for number in range(100)]
    path = write_csv("x,patient,y\n" + "\n".join(lines) + "\n")
    for changes in ({}, {"num_folds": 4, "fold": 3}):
        found = build("csv", path=str(path), target="y", group="patient", **changes)
        summary = found.summary()
        # 20 patients of 5 rows; two of each class are a fifth.
        assert sum(summary["groups"].values()) == 20 and summary["groups"]["test"] == 4
        assert summary["splits"]["test"]["samples"] == 20 and [column.name for column in found.columns] == ["x"]


def test_columns_are_learned_of_the_subset(write_csv) -> None:
    path = write_csv("x,y\n" + "".join(f"{number},{'ab'[number % 2]}\n" for number in range(100)))
    found = build("csv", path=str(path), target="y", subset=10)
    assert len(found.split("train")) == 10 and found.split("train").x.mean().abs() < 1e-5


def test_validation_and_test_may_have_files_of_their_own(write_csv: Write, tmp_path: Path) -> None:
    """They are encoded as the training split, which then is all of the first file."""
    path, other = write_csv(table(60).replace('"Paris, Texas"', "Paris")), tmp_path / "other.csv"
    cells = [line.split(",") for line in path.read_text().splitlines()]
    moved = [",".join([age, bought, city, income]) for age, city, income, bought in cells]
    other.write_text("\n".join([*moved[:11], "30,yes,Lima,2.5"]))
    data, alone = load(path, test_path=str(other)), load(path, test_fraction=0)
    assert [len(data.split(part)) for part in ("train", "val", "test")] == [54, 6, 11]
    assert torch.equal(data.split("train").x, alone.split("train").x) and not alone.has_split("test")
    assert torch.equal(data.split("test").x[:10], load(path, test_path=str(path)).split("test").x[:10])
    assert (data.split("test").x[10, 1:4] == 0).all()  # a city that training has not seen
    found = data.summary()
    assert (
        found["splits"]["test"] == {"samples": 11, "source": str(other)}
        and found["duplicates"]["train-test"] + found["duplicates"]["val-test"] == 10
    )
    both = load(path, test_path=str(other), val_path=str(other), subset=0.5)
    assert [len(both.split(part)) for part in ("train", "val", "test")] == [30, 11, 11]
    folds = load(path, test_path=str(other), num_folds=3, fold=1)
    assert [len(folds.split(part)) for part in ("train", "val", "test")] == [40, 20, 11]


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("age,city,bought\n30,Rome,yes\n", {}, r"no column 'income'; data\.path has age, city, income"),
        ("age,city,income\n30,Rome,1\n", {}, r"no column 'bought'; data\.path has bought"),
        ("age,city,income,bought\n30,Rome,1,maybe\n", {}, r"the class 'maybe'; data\.path has no, yes"),
        ("age,city,income,bought\nold,Rome,1,yes\n", {}, r"column 'age', line 2 of .* is 'old'"),
        (None, {}, r"cannot be read.*data\.test_path is a CSV file.*try data\.test_path=FILE"),
        (
            "age,city,income,bought\n30,Rome,1,yes\n",
            {"group": "city"},
            r"group 'Rome' of data\.group is in .*table.csv and .*other.csv \(1 such\); a group is in one split",
        ),
    ],
)
def test_a_file_that_does_not_fit_the_training_file_is_refused(
    write_csv: Write, tmp_path: Path, text: str | None, changes: dict[str, Any], message: str
) -> None:
    if text is not None:
        (tmp_path / "other.csv").write_text(text)
    data = {"path": str(write_csv(table())), "target": "bought", "test_path": str(tmp_path / "other.csv"), **changes}
    with pytest.raises(DataError, match=f"(?s){message}"):
        load(Path(data.pop("path")), **data)
    if not changes:  # and before torch is imported
        with pytest.raises(DataError, match=f"(?s){message}"):
            check({**data, "path": str(tmp_path / "table.csv")})


def test_a_fold_and_a_validation_file_exclude_each_other(write_csv: Write) -> None:
    path = write_csv(table())
    with pytest.raises(ConfigError, match=r"data\.num_folds is 3, and data\.val_path is given; .* leave out"):
        load(path, val_path=str(path), num_folds=3)


def test_columns_are_fitted_on_normal_rows(write_csv: Write) -> None:
    rows = "".join(f"{i % 7 if i % 2 else 1e6 + i},{['bad', 'ok'][i % 2]}\n" for i in range(80))
    path = write_csv("x,state\n" + rows)
    data = load(path, target="state", normal="ok")
    train = data.split("train")
    normal = train.x[train.y == data.class_names.index("ok")]
    torch.testing.assert_close(normal.mean(dim=0), torch.zeros(1), rtol=0, atol=1e-5)
    torch.testing.assert_close(normal.std(dim=0, correction=0), torch.ones(1))
    assert not torch.equal(train.x, load(path, target="state").split("train").x)


def test_rows_without_the_column_of_the_target_are_normal_if_a_file_for_testing_has_it(tmp_path: Path) -> None:
    path, other = tmp_path / "good.csv", tmp_path / "new.csv"
    path.write_text("\n".join(["a,b", *(f"{i}.5,{i % 4}.25" for i in range(30))]), encoding="utf-8")
    rows = (f"{i}.5,{i % 4}.25,{'ok' if i % 2 else 'broken'}" for i in range(10))
    other.write_text("\n".join(["a,b,state", *rows]), encoding="utf-8")
    data = load(path, target="state", normal="ok", test_path=str(other))
    assert data.class_names == ["ok", "broken"] and data.num_classes == 2
    assert not data.split("train").y.any() and data.split("test").y.bincount().tolist() == [5, 5]
    assert any("are taken as ok" in remark for remark in data.summary()["remarks"])
    settings = {"path": str(path), "target": "state", "normal": "ok", "test_path": str(other)}
    assert check(settings) == ({"num_classes": 2}, "")
    with pytest.raises(DataError, match="no column 'state'"):
        load(path, target="state", normal="ok")


def test_other_files_may_have_classes_of_their_own_if_training_needs_only_normal_rows(
    write_csv: Write, tmp_path: Path
) -> None:
    path = write_csv("x,state\n" + "".join(f"{i},ok\n" for i in range(40)))
    other = tmp_path / "other.csv"
    other.write_text("x,state\n90,bent\n1,ok\n95,bad\n")
    found = load(path, target="state", normal=["ok"], test_path=str(other))
    assert found.facts() == {"num_features": 1, "num_classes": 3} and found.class_names == ["ok", "bad", "bent"]
    assert found.split("test").y.tolist() == [2, 0, 1] and set(found.split("train").y.tolist()) == {0}
    keys = {"path": str(path), "target": "state", "test_path": str(other)}
    assert check({**keys, "normal": "ok"})[0] == {"num_classes": 3}
    # The file of another day, tested by the same network.
    (tmp_path / "later.csv").write_text("x,state\n90,melted\n1,ok\n")
    later = build("csv", path=str(tmp_path / "later.csv"), target="state", normal=["ok"], num_classes=3)
    later.load_state_dict(found.state_dict())
    later.test_all()
    later.setup()
    assert later.class_names == ["ok", "bad", "bent", "melted"] and later.split("test").y.tolist() == [3, 0]
    with pytest.raises(DataError, match="contains only one class, 'ok'"):
        check(keys)
    other.write_text("x,state\n90,ok\n")
    with pytest.raises(DataError, match="csv have only the class 'ok'; anomalies are samples of"):
        load(path, target="state", normal=["ok"], test_path=str(other))
