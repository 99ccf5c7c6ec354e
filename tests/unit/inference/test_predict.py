"""``netyard predict``: predictions for the user's files, their columns, and the messages for wrong options."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pyarrow import parquet

from netyard.cli import main
from netyard.data.core.image_inputs import ImageReader
from netyard.errors import ConfigError
from netyard.io import table_writer


def test_pictures_of_other_channels_than_files_have_are_refused() -> None:
    with pytest.raises(ConfigError, match="images of 2 channels; image files are read with 1"):
        ImageReader(8, 2)


def test_parquet_is_written_as_it_grows(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("netyard.io.table_writer._ROW_GROUP", 10)
    with table_writer.open_table(tmp_path / "out.parquet") as add:
        for first in range(0, 35, 7):
            add({"row": range(first, first + 7)})
    made = parquet.ParquetFile(tmp_path / "out.parquet")
    assert [made.metadata.row_group(number).num_rows for number in range(made.num_row_groups)] == [14, 14, 7]
    assert made.read()["row"].to_pylist() == list(range(35))


def test_nan_is_null(tmp_path: Path) -> None:
    with table_writer.open_table(tmp_path / "out.jsonl") as add:
        add({"file": ["a"], "prediction": [float("nan")]})
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {"file": "a", "prediction": None}


@pytest.mark.parametrize("suffix", table_writer.SUFFIXES)
def test_rows_that_break_off_leave_the_old_file(suffix: str, tmp_path: Path) -> None:
    output = tmp_path / f"out{suffix}"
    output.write_text("of yesterday")
    with pytest.raises(OSError, match="full"), table_writer.open_table(output) as add:
        add({"row": [0]})
        raise OSError("full")
    assert output.read_text() == "of yesterday" and len(list(tmp_path.iterdir())) == 1


def test_a_folder_without_permission_is_refused(monkeypatch, tmp_path: Path, capsys) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    assert main.main(["predict", f"run={tmp_path}", f"output={tmp_path / 'out.csv'}"]) == 5
    assert "nothing may be written into" in capsys.readouterr().err


def test_help_names_every_column(capsys) -> None:
    assert main.main(["predict", "--help"]) == 0
    said = capsys.readouterr().out
    for word in ("probability_CLASS", "reconstruction_error", "threshold", "step_1", "input=", "output="):
        assert word in said
    assert main.main(["predict"]) == 2
    assert main.main(["--help"]) == 0
    assert "predict " in capsys.readouterr().out
