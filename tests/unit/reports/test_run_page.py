"""`netyard report` of one run: a page that holds all it shows, and says nothing that the run did not."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import os
import re
from html import unescape
from pathlib import Path

import pytest
from PIL import Image

from netyard.cli import main
from netyard.reports.page import TEMPLATES
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
    assert text.count("<script") == 1 and "<b>the" not in text, "our own script alone"
    assert "&lt;script&gt;" in text
    assert found.code[-1].count("the end") == 25
    assert "Metrics" not in found.rows and ">Curves<" not in text


def test_what_a_run_says_of_its_training_is_on_the_page_with_the_command(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run")
    assert "Diagnosis" not in page(path).headings
    results = json.loads((path / "results.json").read_text())
    said = [{"check": "rate_too_large", "sentence": "the loss <grew>", "command": "python train.py optimizer.lr=0.1"}]
    (path / "results.json").write_text(json.dumps({**results, "diagnostics": said}))
    found = page(path)
    assert "Diagnosis" in found.headings and said[0]["command"] in found.code
    assert "The loss &lt;grew&gt;." in (tmp_path / "out" / "report.html").read_text()
    for broken in ("words", ["words"], [{}]):
        (path / "results.json").write_text(json.dumps({**results, "diagnostics": broken}))
        assert page(path)


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


def test_the_page_has_what_was_read_of_the_data(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run")
    assert "Data" not in page(path).headings
    results = json.loads((path / "results.json").read_text())
    summary = {
        "parts": {"train": {"samples": 1200, "from": "photos/train"}},
        "classes": {"ape": 700, "bee": 500},
        "columns": {"a": "number", "id": "identifier left out"},
        "column_facts": {"a": {"format": "decimal comma", "missing": 3}},
        "left_out": [["3 files .heic", "not read"]],
        "duplicate_pairs": {"train-test": 2},
    }
    (path / "results.json").write_text(json.dumps({**results, "data_summary": summary}))
    assert page(path).rows["Data"] == [
        ["split", "samples", "from"],
        ["train", "1,200", "photos/train"],
        ["class", "training samples"],
        ["ape", "700"],
        ["bee", "500"],
        ["column", "kind", "remarks"],
        ["a", "number", "decimal comma, 3 missing"],
        ["id", "identifier left out", ""],
        ["left out", "because"],
        ["3 files .heic", "not read"],
        ["identical samples in", "number"],
        ["train and test", "2"],
    ]


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
    assert [line["name"] for line in found.charts["accuracy"]["series"]] == ["val/accuracy"]


def test_several_runs_have_no_page(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        made_run(tmp_path / "runs" / name, seed=ord(name))
    assert main.main(["report", "runs/a", "runs/b", "output=out"]) == 0
    assert main.main(["report", "runs", "output=out"]) == 0
    assert not re.search(r"\.html", capsys.readouterr().out)
    assert not (tmp_path / "out" / "report.html").exists()


HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"' onmouseover=alert(3) {{ 7 * 7 }} </style>"


def test_nothing_that_a_run_says_becomes_markup(tmp_path: Path, page) -> None:
    """Names of metrics, classes, options, overrides, pictures and texts, and everything in results.json."""
    path = made_run(
        tmp_path / "run",
        typed=[f"model.dropout={json.dumps(HOSTILE)}"],
        metrics={f"test/{HOSTILE}": 0.5},
        error=HOSTILE,
    )
    results = json.loads((path / "results.json").read_text())
    strange = {"environment": {HOSTILE: HOSTILE}, "seconds": {HOSTILE: 1.0}, "model": HOSTILE, "data": HOSTILE}
    (path / "results.json").write_text(json.dumps(results | strange | {"throughput": {HOSTILE: HOSTILE}}))
    with (path / "metrics.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["epoch", f"val/{HOSTILE}"], [0, 0.1], [1, 0.2]])
    for folder in ("pictures", "texts"):
        (path / folder).mkdir()
    with (path / "pictures" / "test_confusion.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["true", HOSTILE, "b"], [HOSTILE, 3, 1], ["b", 0, 4]])
    Image.new("L", (4, 3)).save(path / "pictures" / 'x" onload=alert(4) y.png')
    (path / "texts" / "<b>t.txt").write_text(HOSTILE)
    with (path / "texts" / "t.csv").open("w", newline="") as file:
        csv.writer(file).writerows([[HOSTILE], [HOSTILE]])
    found = page(path)
    assert len(found.scripts) == 1 and "alert" not in found.scripts[0]
    assert found.handlers == [] and all(address.startswith("data:image/") for address in found.addresses)
    assert "{{ 7 * 7 }}" in found.text and found.text.count("alert(1)") >= 8
    assert HOSTILE in found.rows["Confusion matrix"][0] and [HOSTILE, HOSTILE] in found.rows["Environment"]
    assert found.headings[0] == f"{HOSTILE} on {HOSTILE}"


def test_a_browser_would_run_our_script_alone(tmp_path: Path, page) -> None:
    """The page's policy names the script by its hash, and nothing may be fetched."""
    found = page(made_run(tmp_path / "run"))
    text = (tmp_path / "out" / "report.html").read_text()
    policy = unescape(re.search('Content-Security-Policy" content="([^"]*)"', text)[1])
    hashed = base64.b64encode(hashlib.sha256("".join(found.scripts).encode()).digest()).decode()
    assert f"script-src 'sha256-{hashed}'" in policy and "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2]
    assert not re.search(r"https?://", text), "no address of another place"


def test_no_template_lets_a_value_through_unescaped() -> None:
    for file in TEMPLATES.glob("*.html"):
        assert not re.search(r"\|\s*safe|autoescape|Markup", file.read_text()), file.name


def test_a_link_out_of_a_run_is_not_followed(tmp_path: Path, page) -> None:
    """A page is made to be sent, and a run may have been sent by somebody."""
    path = made_run(tmp_path / "run", None, state="failed", error="x")
    (tmp_path / "secret").write_text("the private key")
    Image.new("L", (4, 3)).save(tmp_path / "private.png")
    for folder in ("texts", "pictures"):
        (path / folder).mkdir()
    (path / "texts" / "a.txt").symlink_to(tmp_path / "secret")
    (path / "train.log").symlink_to(tmp_path / "secret")
    (path / "pictures" / "test_confusion.csv").symlink_to(tmp_path / "secret")
    (path / "pictures" / "p.png").symlink_to(tmp_path / "private.png")
    os.mkfifo(path / "texts" / "b.txt")
    found = page(path)
    assert "private" not in found.text and found.pictures == {} and "Texts" not in found.headings


def test_the_first_screen_says_what_was_reached(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run", 0.9, typed=["optimizer.lr=0.1"], metrics={"test/accuracy": 0.875, "test/loss": 2})
    results = json.loads((path / "results.json").read_text())
    (path / "results.json").write_text(
        json.dumps({**results, "parameters": 12345, "epochs": 3, "steps": 60, "seconds": {"fit": 61, "test": 4}})
    )
    first = page(path).text.partition("Choices and changes")[0]
    for said in ("mlp on digits", "completed", "0.9", "0.875", "12,345", "60 steps", "1 min 05 s"):
        assert said in first, said
    assert "python train.py optimizer.lr=0.1 seed=0" in first and "netyard rerun" in first


def test_curves_that_change_come_first_and_the_best_epoch_is_marked(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run", 1.0)
    results = json.loads((path / "results.json").read_text())
    objective = {"name": "val/accuracy", "mode": "max", "value": 1.0, "epoch": 1}
    (path / "results.json").write_text(json.dumps({**results, "objective": objective}))
    rows = ["epoch,step,lr,train/loss,val/accuracy,val/loss"]
    rows += [f"{epoch},{epoch},0.1,{1 / (epoch + 1)},1.0,{2 / (epoch + 1)}" for epoch in range(4)]
    (path / "metrics.csv").write_text("\n".join(rows) + "\n")
    found = page(path)
    assert list(found.charts) == ["loss", "accuracy", "lr"]
    html = (tmp_path / "out" / "report.html").read_text()
    assert html.count(">best epoch: 1<") == 3
    assert html.count('class="best-dot"') == 2, "on the curves of the validation"
    assert "1.000" in found.text


def test_pictures_have_captions_in_words(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run")
    (path / "pictures").mkdir()
    for stem in ("test_predicted_vs_true", "val_samples", "lr_finder", "test_latent_kl"):
        Image.new("L", (4, 3)).save(path / "pictures" / f"{stem}.png")
    said = page(path).text
    for caption in (
        "Predictions against true values, test",
        "Samples, validation",
        "Search for the learning rate",
        "Latent kl, test",
    ):
        assert caption in said


def test_a_matrix_of_names_of_any_length_can_be_read(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run")
    (path / "pictures").mkdir()
    names = [f"a class with the number {index}" for index in range(100)]
    with (path / "pictures" / "test_confusion.csv").open("w", newline="") as file:
        rows = [[name, *(20 if at == index else 0 for at in range(100))] for index, name in enumerate(names)]
        rows[3][5] = 7
        csv.writer(file).writerows([["true", *names], *rows])
    rows = page(path).rows["Confusion matrix"]
    assert rows[0][1:] == names and [row[0] for row in rows[1:101]] == names
    assert rows[4][4:6] == ["20", "7"] and rows[-1] == [names[3], names[4], "7", "27"]


@pytest.mark.parametrize(
    "text",
    ["", "true", "true,a\na,1", "true,a,b\na,1,x\nb,0,1", "true,a,b\na,1,2", "true,a,b\na,1\nb,0,1", "\0"],
)
def test_a_matrix_that_is_none_is_left_out(tmp_path: Path, page, text: str) -> None:
    path = made_run(tmp_path / "run")
    (path / "pictures").mkdir()
    (path / "pictures" / "test_confusion.csv").write_text(text)
    assert "Confusion matrix" not in page(path).headings


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("running", "has not ended"),
        ("interrupted", "before the first measurement"),
        ("failed", "before the first measurement"),
        ("pruned", "ended this run early"),
    ],
)
def test_a_run_that_has_not_ended_has_an_honest_page(tmp_path: Path, page, state: str, said: str) -> None:
    path = made_run(
        tmp_path / "run", None, state=state, error="the disk is full; and more" if state == "failed" else ""
    )
    found = page(path)
    assert said in found.text and state in found.text and "Metrics" not in found.headings
    assert ("the disk is full; and more" in found.text) == (state == "failed")
    (path / "metrics.csv").write_text("epoch,val/accuracy\n0,0.25\n1,0.5\n2,\n3")
    found = page(path)
    assert "last, in epoch 1" in found.text and "accuracy" in found.charts


def test_a_value_that_is_no_number_leaves_a_gap(tmp_path: Path, page) -> None:
    path = made_run(tmp_path / "run")
    (path / "metrics.csv").write_text("epoch,val/accuracy,val/loss\n0,0.1,nan\n1,nan,nan\n2,inf,nan\n3,0.2,nan\n")
    found = page(path)
    assert found.charts["accuracy"]["series"][0]["values"] == ["0.1", "nan", "inf", "0.2"]
    assert "loss" not in found.charts


def test_a_page_of_many_epochs_stays_small(tmp_path: Path, page) -> None:
    page(made_run(tmp_path / "run", curve=[index / 20000 for index in range(20000)]))
    assert (tmp_path / "out" / "report.html").stat().st_size < 400_000


def test_baselines_are_beside_the_score(tmp_path: Path, page) -> None:
    values = {"test/accuracy": {"majority": 0.1, "nearest_neighbours": 0.98}, "test/f1": {"majority": 0.02}}
    path = made_run(tmp_path / "run", 0.9, metrics={"test/accuracy": 0.875, "test/f1": 0.8}, baselines=values)
    found = page(path)
    first = found.text.partition("Run it again")[0]
    assert first.index("test/accuracy") < first.index("best baseline") < first.index("0.9800")
    assert first.count("best baseline") == 1
    assert "Baselines without a network" in found.headings
    assert "0.8750, is worse than that of the best baseline, nearest_neighbours with 0.9800." in found.text


def test_a_run_of_before_has_no_such_part(tmp_path: Path, page) -> None:
    found = page(made_run(tmp_path / "run", 0.9, metrics={"test/accuracy": 0.875}))
    assert "Baselines without a network" not in found.headings and "best baseline" not in found.text
