"""A bad series ends a run with one line; a file of several series is trained on and forecast."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

import netyard
from support.refused_series import check_refused


@pytest.mark.parametrize(
    ("name", "text", "words", "code", "message"),
    [
        ("none", None, [], 3, "No such file"),
        ("words", "y\n1\nwet\n" + "2\n" * 99, [], 3, "line 3 of column 'y'"),
        ("season", "y\n1\n2\n", ["data.season=50"], 2, "the window must include a season"),
    ],
)
def test_a_bad_series_ends_the_run_with_one_line_and_its_exit_code(
    train: Any, tmp_path: Path, name: str, text: str | None, words: list[str], code: int, message: str
) -> None:
    check_refused(train, tmp_path / f"{name}.csv", text, words, code, message)


def write_shops(path: Path, ahead: int) -> Path:
    """Sixty days of two shops, newest first, and rows of the days after them without a target."""
    rows = []
    for shop, size in (("A", 1), ("B", 3)):
        for day in range(60 + ahead):
            date, promo = datetime.date(2024, 1, 1) + datetime.timedelta(day), day % 5 // 4
            sold = "" if day >= 60 else size * (100 + 10 * (day % 7) + 30 * promo + day * 37 % 11)
            seen = "" if day >= 60 else size * (40 + day * 29 % 7)
            rows.append(f"{date},{shop},{sold},{seen},{promo}")
    path.write_text("\n".join(["date,shop,sold,seen,promo", *reversed(rows)]) + "\n")
    return path


def test_two_shops_with_promotions_are_forecast_with_dates(train: Any, tmp_path: Path, capsys: Any) -> None:
    path = write_shops(tmp_path / "shops.csv", ahead=3)
    ran = train(
        *("model=gru_tiny", "data=series", f"data.path={path}", "data.column=[sold,seen]", "data.series_id=shop"),
        *("data.future_covariates=[promo]", "data.calendar=[weekday]", "data.window=7", "data.horizon=3"),
        *("trainer.max_epochs=1", "trainer=cpu"),
    )
    assert ran.code == 0, ran.err
    results = ran.json("results.json")
    summary = results["data_summary"]
    assert summary["parts"]["test"]["from"].startswith("2024-02-18 to 2024-02-29, 12 days, 2 series of columns")
    assert summary["series"]["channels"][:3] == ["sold", "seen", "promo"] and summary["series"]["season"] == 7
    assert any("newest first" in each for each in summary["remarks"])
    errors = {name for name in results["metrics"] if name.startswith("test/mase")}
    assert errors == {f"test/mase{each}" for each in ("", "_naive", "_seasonal_naive", "_sold", "_seen")}
    assert (ran.path / "pictures" / "test_forecast.png").is_file()

    run = netyard.load(ran.path)
    capsys.readouterr()
    rows = run.predict(str(path))
    assert "only covariates are read: 3 steps (A: the last have no sold: rows of the future)" in capsys.readouterr().out
    assert [(row["date"], row["shop"], row["step"]) for row in rows] == [
        (f"2024-03-0{step}", shop, step) for shop in "AB" for step in (1, 2, 3)
    ]
    assert set(rows[0]) == {"date", "shop", "step", "sold", "seen"}
    tested = run.predict()
    assert (tested[0]["origin"], tested[0]["date"]) == ("2024-02-17", "2024-02-18")
    assert tested[0]["target_sold"] == 100 + 10 * (48 % 7) + 48 * 37 % 11
    with pytest.raises(
        netyard.NetyardError, match=r"0 row\(s\) after the last value of A, .* 2024-03-01 to 2024-03-03"
    ):
        run.predict(str(write_shops(tmp_path / "past.csv", ahead=0)))

    lines = path.read_text().splitlines()
    (tmp_path / "sorted.csv").write_text("\n".join([lines[0], *sorted(lines[1:])]))
    one, other = (run.evaluate(f"data.test_path={tmp_path / name}.csv") for name in ("shops", "sorted"))
    assert one == other
    mixed = [line.replace(",B,", ",C,") for line in lines]
    (tmp_path / "new.csv").write_text("\n".join(mixed))
    assert {row["shop"] for row in run.predict(str(tmp_path / "new.csv"))} == {"A"}
