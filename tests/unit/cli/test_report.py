"""`netyard report`: what it prints, what it writes, and what it says to a mistake."""

from __future__ import annotations

import csv
import io
import os
from pathlib import Path

import pytest

from netyard.cli import main
from support.run_directories import made_run, made_seeds


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two rates on three seeds, and one run that failed."""
    monkeypatch.chdir(tmp_path)
    return made_seeds(tmp_path / "runs")


def rows_of(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def test_a_report_is_a_table_and_writes_nothing(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(runs.rglob("*"))
    assert main.main(["report", "runs"]) == 0
    said = capsys.readouterr().out
    head, _, first, second = rows_of(said)
    assert head[:3] == ["#", "optimizer.lr", "val/accuracy"]
    assert first[:5] == ["1", "0.1", "0.8900 ± 0.0100", "0.8652 to 0.9148", "3"]
    assert second[1] == "0.01"
    assert "6 completed, 1 failed." in said
    assert "- failed: runs/6: the disk is full;" in said
    assert sorted(runs.rglob("*")) == before


def test_several_directories_are_one_report(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["report", "runs/0", "runs/1", "runs/3"]) == 0
    rows = rows_of(capsys.readouterr().out)[2:]
    assert [row[1] for row in rows] == ["0.1", "0.01"]
    assert [row[3] for row in rows] == ["2", "1"]


def test_output_has_tables_and_plots(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["report", "runs", "output=a/b"]) == 0
    files = sorted(path.name for path in Path("a/b").iterdir())
    plots = ["learning_curves.png", "objective_by_optimizer.lr.png", "parallel_coordinates.png"]
    assert files == ["leaderboard.csv", "leaderboard.md", *plots]
    assert "wrote a/b/parallel_coordinates.png" in capsys.readouterr().out
    assert rows_of(Path("a/b/leaderboard.md").read_text(encoding="utf-8"))[2][1] == "0.1"


def test_plots_go_beside_the_runs_or_nowhere(runs: Path) -> None:
    assert main.main(["report", "runs", "output=tables", "plots=false"]) == 0
    assert sorted(path.name for path in Path("tables").iterdir()) == ["leaderboard.csv", "leaderboard.md"]
    assert main.main(["report", "runs", "plots=true"]) == 0
    assert (runs / "learning_curves.png").is_file()
    assert main.main(["report", "runs"]) == 0, "a report's own files are no runs"


def test_a_run_has_its_page_beside_it_without_being_asked(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = set(runs.rglob("*"))
    assert main.main(["report", "runs/0"]) == 0
    said = capsys.readouterr().out
    assert said.endswith("wrote runs/0/report.html\n") and rows_of(said)[2][1].startswith("0.9"), "and its table"
    assert set(runs.rglob("*")) - before == {runs / "0" / "report.html"}
    assert main.main(["report", "runs/0", "format=csv"]) == 0
    assert "wrote" not in capsys.readouterr().out
    assert main.main(["report", "runs"]) == 0, "a page is no run"
    assert "6 completed, 1 failed." in capsys.readouterr().out


def test_output_is_another_place_for_the_page(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["report", "runs/0", "output=there"]) == 0
    assert "wrote there/report.html" in capsys.readouterr().out
    assert not (runs / "0" / "report.html").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_run_that_may_only_be_read_has_its_table(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "0").chmod(0o500)
    assert main.main(["report", "runs/0"]) == 0
    said = capsys.readouterr().out
    assert rows_of(said) and "not written: runs/0/report.html" in said and "try output=FOLDER" in said


def test_a_place_that_takes_no_page_costs_the_page_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "0" / "report.html").mkdir()
    assert main.main(["report", "runs/0"]) == 0
    assert "not written: runs/0/report.html" in capsys.readouterr().out


def test_csv_has_every_row_with_all_digits(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["report", "runs", "format=csv"]) == 0
    first, second = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert (first["objective"], first["mode"], first["optimizer.lr"]) == ("val/accuracy", "max", "0.1")
    assert float(second["mean"]) == pytest.approx(0.86)
    assert float(second["test/auroc"]) == pytest.approx(0.4)


def test_another_metric_ranks(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["report", "runs", "metric=test/accuracy"]) == 0
    said = capsys.readouterr().out
    assert "## test/accuracy, higher is better" in said
    assert [row[1] for row in rows_of(said)[2:]] == ["0.01", "0.1"]
    assert "a configuration chosen this way will score lower" in said
    assert main.main(["report", "runs", "metric=val/loss"]) == 0
    assert "## val/loss, lower is better" in capsys.readouterr().out
    assert main.main(["report", "runs", "metric=test/auroc", "mode=max"]) == 0
    assert rows_of(capsys.readouterr().out)[2][2].startswith("0.4000")


def test_a_broken_run_costs_itself_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "5" / "results.json").write_text('{"model": "ml', encoding="utf-8")
    assert main.main(["report", "runs"]) == 0
    said = capsys.readouterr().out
    assert "5 completed, 1 failed, 1 unreadable." in said
    assert "- skipped: runs/5/results.json cannot be read" in said


def test_runs_that_are_not_done_are_no_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made_run(tmp_path / "a", None, state="failed", error="the loss is nan;")
    assert main.main(["report", str(tmp_path)]) == 0
    assert "No run has completed." in capsys.readouterr().out


def test_a_folder_may_have_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    made_run(tmp_path / "lr=0.1")
    assert main.main(["report", "lr=0.1"]) == 0


@pytest.mark.parametrize(
    ("words", "code", "parts"),
    [
        (["nowhere"], 4, ["nowhere is not there", "try netyard report outputs"]),
        (["runs/0/status.json"], 4, ["status.json is a file"]),
        (["empty"], 4, ["there is no run in empty", "sweep.json", "outputs"]),
        (["runs", "empty"], 4, ["there is no run in empty"]),
        (["torn"], 4, ["there is no run in torn", "torn/sweep.json cannot be read"]),
        (["runs", "ouptut=x"], 2, ["no option 'ouptut'", "did you mean 'output'"]),
        (["runs", "format=html"], 2, ["format is 'html'", "md or csv", "try format=md"]),
        (["runs", "plots=yes"], 2, ["plots is 'yes'", "true or false"]),
        (["runs", "output="], 2, ["output was given no value", "type output=VALUE"]),
        (["output=x"], 2, ["no directory was given", "try netyard report outputs"]),
        (
            ["runs", "metric=test/acuracy"],
            2,
            ["'test/acuracy'", "did you mean 'test/accuracy'", "try metric=test/accuracy"],
        ),
        (["runs", "metric=test/auroc"], 2, ["test/auroc", "max or min", "try metric=test/auroc mode=max"]),
        (["runs", "mode=max"], 2, ["no metric was given", "try metric=NAME mode=max"]),
        (["runs", "empty", "plots=true"], 2, ["2 directories", "try output=FOLDER"]),
        (["runs", "output=runs/0/status.json"], 2, ["a file", "try output=runs/0/status_report"]),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    runs: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, parts: list[str]
) -> None:
    Path("empty").mkdir()
    Path("torn").mkdir()
    Path("torn/sweep.json").write_text('{"format": 1, "jo', encoding="utf-8")
    before = sorted(Path().rglob("*"))
    assert main.main(["report", *words]) == code
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ") and said.err.count("\n") == 1
    for part in parts:
        assert part in said.err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_refused(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("locked").mkdir(mode=0o500)
    assert main.main(["report", "runs", "output=locked/report"]) == 5
    assert "nothing may be written into" in capsys.readouterr().err


def test_no_words_print_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main.main(["report"]) == 2
    assert main.main(["report", "--help"]) == 0
    said = capsys.readouterr().out
    for option in ("output=", "format=", "metric=", "mode=", "plots="):
        assert option in said
