"""`netyard report` of one run: a page that holds all it shows, and says nothing that the run did not."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from netyard.cli import main
from support.run_directories import made_run
from support.run_page import page_of


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)

    return lambda path: page_of(path, capsys)


def test_what_a_run_says_is_text_and_no_markup(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run", None, state="failed", error="<script>alert(1)</script>")
    (path / "train.log").write_text("<b>the end</b>\n" * 100)
    found = page(path)
    text = (tmp_path / "out" / "report.html").read_text()
    assert "<script" not in text and "<b>" not in text
    assert "&lt;script&gt;" in text
    assert found.code[-1].count("the end") == 25
    assert "Metrics" not in found.rows and ">Curves<" not in text


def test_an_episode_moves_on_the_page(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run")
    (path / "pictures").mkdir()
    frames = [Image.new("L", (4, 3), shade) for shade in (0, 255)]
    frames[0].save(path / "pictures" / "test_episode.gif", save_all=True, append_images=frames[1:])
    (path / "pictures" / "notes.txt").write_text("no picture")
    kind, _, content = page(path).pictures["test_episode"].partition(";base64,")
    assert kind == "data:image/gif"
    assert Image.open(io.BytesIO(base64.b64decode(content))).n_frames == 2


def test_what_a_network_writes_and_mistakes_is_on_the_page(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run")
    assert "Texts" not in page(path).headings
    (path / "texts").mkdir()
    (path / "texts" / "test_text.txt").write_text("def f():\n    return <1>\n")
    (path / "texts" / "test_mistakes.csv").write_text('text,true,predicted\r\n"so,\nso",good,bad\r\n')
    (path / "texts" / "test_empty.csv").write_text("")
    (path / "texts" / "test_large.txt").write_text("x" * 100_001)
    found = page(path)
    assert "".join(found.code).endswith("def f():\n    return <1>")
    assert found.rows["Texts"] == [["text", "true", "predicted"], ["so,\nso", "good", "bad"]]


def test_an_option_that_is_gone_by_now_costs_the_comparison_alone(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run", curve=[0.1, 0.2])
    hydra = path / ".hydra" / "hydra.yaml"
    hydra.write_text(hydra.read_text().replace("model: mlp", "model: perceiver"))
    (path / "results.json").write_text(
        json.dumps({**json.loads((path / "results.json").read_text()), "model": "perceiver"})
    )
    found = page(path)
    text = (tmp_path / "out" / "report.html").read_text()
    assert "Not compared with the defaults" in text
    assert "val/accuracy" in found.pictures


def test_several_runs_have_no_page(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        made_run(tmp_path / "runs" / name, seed=ord(name))
    assert main.main(["report", "runs/a", "runs/b", "output=out"]) == 0
    assert main.main(["report", "runs", "output=out"]) == 0
    assert not re.search(r"\.html", capsys.readouterr().out)
    assert not (tmp_path / "out" / "report.html").exists()
