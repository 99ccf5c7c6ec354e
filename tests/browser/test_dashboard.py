"""TensorBoard and a run's own page, as a person sees them: the run's real values, and nothing from anywhere else."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from chromium import ELEMENTS, TEXT, Browser
from PIL import Image, ImageChops
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard import cli


@pytest.fixture
def page(browser: Browser, board: str) -> Callable[[str], Browser]:
    """A page of the dashboard, tall enough that everything in it is drawn."""
    browser.call("Emulation.setDeviceMetricsOverride", width=1600, height=8000, deviceScaleFactor=1, mobile=False)

    def show(name: str) -> Browser:
        browser.open(f"{board}#{name}")
        return browser

    return show


def results(run: Path) -> dict[str, Any]:
    return json.loads((run / "results.json").read_text(encoding="utf-8"))


def unharmed(browser: Browser, *places: str) -> None:
    assert not browser.complaints
    assert browser.requests and not [
        each for each in browser.requests if not each.startswith((*places, "data:", "blob:"))
    ]


def test_curves_show_the_last_value_of_each(page, board: str, run: Path) -> None:
    events = EventAccumulator(str(run)).Reload()
    shown = page("timeseries")
    wanted = [
        "train/loss",
        "train/gradient_norm",
        "train/weight_norm",
        "val/accuracy",
        "test/accuracy",
        "hp/objective",
        "lr",
    ]
    shown.wait("document.querySelector('scalar-card') !== null")
    shown.ask("document.querySelectorAll('[aria-label=\"Expand group\"]').forEach(each => each.click())")
    cards = f"{ELEMENTS}('scalar-card').map(each => each.innerText.replace('\\n/', '/'))"
    for tag in wanted:
        value, step = events.Scalars(tag)[-1].value, events.Scalars(tag)[-1].step
        card = f"{cards}.find(text => text.startsWith('{tag}\\n'))"
        found = shown.wait(f"(text => text && /{run.name}[^]*\\d/.test(text) && text)({card})")
        numbers = [
            float(each.replace(",", "")) for each in re.findall(r"[\d.,]*\d(?:e-?\d+)?", found.rpartition("digits")[2])
        ]
        assert any(abs(each - value) <= 5e-4 * abs(value) for each in numbers), (tag, value, found)
        assert step in numbers, (tag, step, found)
    unharmed(shown, board)


def test_pictures_are_those_of_the_test(page, board: str, run: Path) -> None:
    shown = page("images")
    images = f"{ELEMENTS}('img').filter(each => each.src.includes('individualImage') && each.naturalWidth > 0)"
    shown.wait(f"{images}.length === 2")
    script = f"""Promise.all({images}.map(async each => {{
        const bytes = new Uint8Array(await (await fetch(each.src)).arrayBuffer());
        return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
    }}))"""
    drawn = [Image.open(BytesIO(base64.b64decode(each))).convert("RGB") for each in shown.ask(script)]
    for name in ("confusion", "mistakes"):
        with Image.open(run / "pictures" / f"test_{name}.png") as kept:
            kept = kept.convert("RGB")
        assert any(each.size == kept.size and not ImageChops.difference(each, kept).getbbox() for each in drawn), name
    assert "test/confusion" in shown.text() and "test/mistakes" in shown.text()
    unharmed(shown, board)


def test_hyperparameters_stand_beside_the_objective(page, board: str, run: Path) -> None:
    shown = page("hparams")
    objective = results(run)["objective"]["value"]
    cells = f"{ELEMENTS}('vaadin-grid-cell-content').map(each => each.innerText.trim()).filter(Boolean)"
    shown.wait(f"{cells}.includes('{run.name}')")
    table = shown.ask(cells)
    assert {"hp/objective", "hp/test/accuracy", "lr", "batch_size"} <= set(table)
    row = [float(each) for each in table if re.fullmatch(r"[\d.]+(e-?\d+)?", each)]
    for value in (objective, results(run)["metrics"]["test/accuracy"], 0.02):
        assert any(abs(each - value) <= 5e-4 * abs(value) for each in row), (value, table)
    unharmed(shown, board)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("custom_scalars", ("metrics", "training", "loss", "accuracy", "gradient norm", "learning rate")),
        ("pr_curves", tuple(f"test/precision_recall/{digit}" for digit in range(10))),
        ("histograms", ("weights/net", "gradients/net")),
        ("graphs", ("Namespace", "Served")),
    ],
)
def test_other_pages_show_what_they_are_for(page, board: str, name: str, words: tuple[str, ...]) -> None:
    shown = page(name)
    for word in words:
        shown.wait(f"{TEXT}.includes({json.dumps(word)})")
    unharmed(shown, board)


def test_the_page_of_a_run_is_whole_in_itself(browser: Browser, run: Path, tmp_path: Path, capsys) -> None:
    assert cli.main(["report", str(run), f"output={tmp_path / 'report'}"]) == 0, capsys.readouterr().err
    address = (tmp_path / "report" / "report.html").as_uri()
    browser.open(address)
    browser.wait("document.readyState === 'complete' && document.images.length > 0")
    pictures = browser.ask("[...document.images].map(each => [each.alt, each.complete && each.naturalWidth])")
    assert all(width for _, width in pictures)
    assert {"test_confusion", "test_mistakes", "train/loss, val/loss", "train/accuracy, val/accuracy"} <= {
        name for name, _ in pictures
    }
    said = browser.text()
    assert "cnn_tiny on digits" in said and "netyard rerun" in said and "optimizer.lr=0.02" in said
    for name in ("accuracy", "loss"):
        assert f"{results(run)['metrics'][f'test/{name}']:.6g}" in said
    assert results(run)["environment"]["torch"] in said
    unharmed(browser, address)
    assert [each for each in browser.requests if not each.startswith("data:")] == [address]
