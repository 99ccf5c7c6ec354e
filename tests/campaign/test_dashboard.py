"""TensorBoard and a run's own page, as a person sees them: the run's real values, and nothing from anywhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from netyard.cli import main
from support.browser import WatchedPage


@pytest.fixture
def show(dashboard: str, watched_page: WatchedPage) -> Callable[[str], WatchedPage]:
    """Open a page of the dashboard, tall enough that everything in it is drawn."""
    watched_page.page.set_viewport_size({"width": 1600, "height": 8000})

    def show(name: str) -> WatchedPage:
        watched_page.page.goto(f"{dashboard}#{name}")
        return watched_page

    return show


def results(run: Path) -> dict[str, Any]:
    return json.loads((run / "results.json").read_text(encoding="utf-8"))


def unharmed(watched: WatchedPage, *places: str) -> None:
    assert not watched.complaints
    assert watched.requests and not [
        each for each in watched.requests if not each.startswith((*places, "data:", "blob:"))
    ]


def test_curves_show_the_last_value_of_each(show, dashboard: str, digits_run: Path) -> None:
    events = EventAccumulator(str(digits_run)).Reload()
    watched = show("timeseries")
    wanted = [
        "train/loss",
        "train/gradient_norm",
        "train/weight_norm",
        "val/accuracy",
        "test/accuracy",
        "objective/val/accuracy",
        "lr",
    ]
    cards = watched.page.locator("scalar-card")
    cards.first.wait_for()
    watched.page.get_by_label("Expand group").evaluate_all("all => all.forEach(each => each.click())")
    for tag in wanted:
        value, step = events.Scalars(tag)[-1].value, events.Scalars(tag)[-1].step
        card = cards.filter(has=watched.page.get_by_title(tag, exact=True))
        found = card.filter(has_text=re.compile(rf"{digits_run.name}\s.*\d")).inner_text()
        numbers = [
            float(each.replace(",", ""))
            for each in re.findall(r"[\d.,]*\d(?:e-?\d+)?", found.rpartition(digits_run.name)[2])
        ]
        assert any(abs(each - value) <= 5e-4 * abs(value) for each in numbers), (tag, value, found)
        assert step in numbers, (tag, step, found)
    unharmed(watched, dashboard)


def test_pictures_are_those_of_the_test(show, dashboard: str, digits_run: Path) -> None:
    watched = show("images")
    images = watched.page.locator("img[src*=individualImage]")
    images.nth(1).wait_for()
    # An image that cannot be shown fails to decode.
    sources = images.evaluate_all("all => Promise.all(all.map(each => each.decode().then(() => each.src)))")
    assert len(sources) == 2
    drawn = [Image.open(BytesIO(watched.page.request.get(each).body())).convert("RGB") for each in sources]
    for name in ("confusion", "mistakes"):
        with Image.open(digits_run / "pictures" / f"test_{name}.png") as kept:
            kept = kept.convert("RGB")
        assert any(each.size == kept.size and not ImageChops.difference(each, kept).getbbox() for each in drawn), name
        watched.page.get_by_text(f"test/{name}").first.wait_for()
    unharmed(watched, dashboard)


def test_hyperparameters_stand_beside_the_objective(show, dashboard: str, digits_run: Path) -> None:
    watched = show("hparams")
    objective = results(digits_run)["objective"]["value"]
    cells = watched.page.locator("vaadin-grid-cell-content")
    cells.filter(has_text=re.compile(rf"^\s*{digits_run.name}\s*$")).first.wait_for()
    table = [each.strip() for each in cells.all_inner_texts()]
    assert {"model", "objective/val/accuracy", "test/accuracy"} <= set(table)
    row = [float(each) for each in table if re.fullmatch(r"[\d.]+(e-?\d+)?", each)]
    for value in (objective, results(digits_run)["metrics"]["test/accuracy"], 0.02):
        assert any(abs(each - value) <= 5e-4 * abs(value) for each in row), (value, table)
    unharmed(watched, dashboard)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("custom_scalars", ("metrics", "training", "loss", "accuracy", "gradient norm", "learning rate")),
        ("pr_curves", tuple(f"test/precision_recall/{digit}" for digit in range(10))),
        ("histograms", ("weights/net", "gradients/net")),
        ("graphs", ("Namespace", "ExportSignature")),
    ],
)
def test_other_pages_show_what_they_are_for(show, dashboard: str, name: str, words: tuple[str, ...]) -> None:
    watched = show(name)
    for word in words:
        # The names in a graph are titles of its shapes, and no title is visible.
        watched.page.get_by_text(re.compile(word)).first.wait_for(state="attached")
    unharmed(watched, dashboard)


def test_the_page_of_a_run_is_whole_in_itself(
    watched_page: WatchedPage, digits_run: Path, tmp_path: Path, capsys
) -> None:
    assert main.main(["report", str(digits_run), f"output={tmp_path / 'report'}"]) == 0, capsys.readouterr().err
    address = (tmp_path / "report" / "report.html").as_uri()
    watched_page.page.goto(address)
    pictures = watched_page.page.locator("img").evaluate_all(
        "all => all.map(each => [each.alt, each.complete && each.naturalWidth])"
    )
    assert all(width for _, width in pictures)
    # The confusion matrix is a table of the page.
    assert "test_mistakes" in {name for name, _ in pictures}
    said = watched_page.page.inner_text("body")
    assert "cnn_tiny on digits" in said and "netyard rerun" in said and "optimizer.lr=0.02" in said
    for name in ("accuracy", "loss"):
        assert f"{results(digits_run)['metrics'][f'test/{name}']:.6g}" in said
    assert results(digits_run)["environment"]["torch"] in said
    unharmed(watched_page, address)
    assert [each for each in watched_page.requests if not each.startswith("data:")] == [address]


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_run_can_be_asked_and_fits(
    watched_page: WatchedPage, digits_run: Path, tmp_path: Path, capsys, width: int, scheme: str
) -> None:
    """Pointing at a curve shows its values there, the theme follows the system and its button, nothing is cut off."""
    assert main.main(["report", str(digits_run), f"output={tmp_path / 'report'}"]) == 0, capsys.readouterr().err
    page = watched_page.page
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.goto((tmp_path / "report" / "report.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    assert (before == "rgb(16, 18, 22)") == (scheme == "dark")
    figure = page.locator("figure[data-points]").first
    figure.scroll_into_view_if_needed()
    figure.locator("svg[role=img]").hover(position={"x": 5, "y": 60})
    first = json.loads(figure.get_attribute("data-points") or "")
    said = figure.locator(".tip").inner_text()
    assert "epoch 0" in said and all(line["values"][0] in said for line in first["series"])
    page.click("button.theme")
    assert page.evaluate(ground) != before
    assert not watched_page.complaints
