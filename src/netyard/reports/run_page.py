"""One run as a page of its own: what it changed, curves, metrics, pictures, texts, environment, and the command for it.

Everything is in the one HTML file, so that it can be sent and kept.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

from netyard.config.catalog import GROUPS
from netyard.config.flatten import leaves
from netyard.io.readable import near
from netyard.plots import chart
from netyard.reports import sweep_plots
from netyard.reports.tables import shown
from netyard.runs.records import MISSING, Run

MOST_CURVES, MOST_PICTURES, MOST_TEXTS = 16, 24, 8
LARGEST_PICTURE, LARGEST_TEXT = 4_000_000, 100_000  # bytes
LAST_LINES = 25  # of the log of a run that did not complete
SPLIT = ("train", "val", "test")

Defaults = Callable[[Sequence[str]], tuple[Mapping[str, Any], Mapping[str, Any]]]
"""Overrides -> the config that ``train.py`` would make of them, interpolations as written, and the choices."""

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #202124; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin-top: 2rem; border-bottom: 1px solid #ddd }
table { border-collapse: collapse } td, th { text-align: left; padding: .15rem 1rem .15rem 0; vertical-align: top }
code, pre { background: #f4f5f7; padding: .1rem .3rem } pre { padding: .6rem; overflow-x: auto }
figure { display: inline-block; margin: .5rem 1rem .5rem 0; vertical-align: top } figcaption { color: #666 }
img { max-width: 28rem; height: auto }
"""


def run_page(run: Run, typed: Sequence[str], defaults: Defaults) -> str:
    """The HTML of one run, finished or not.

    Args:
        run: see ``runs.read``.
        typed: the overrides of its command line.
        defaults: tells what was left at its default, today's.
    """
    results = _object(run.path / "results.json")
    title = f"{run.value('model')} on {run.value('data')}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        _standing(run, results),
        _section("Run it again", _again(run, typed)),
        _section("Metrics", _metrics(results)),
        _section("Curves", "".join(_curves(run))),
        _section("What was chosen and changed", _changes(run, typed, defaults)),
        _section("Pictures", "".join(_pictures(run.path))),
        _section("Texts", "".join(_texts(run.path))),
        _section("Environment", _environment(results)),
        _section("The end of its log", _log(run)),
    ]
    head = f"<meta charset=utf-8><title>{escape(title)}</title><style>{STYLE}</style>"
    return (
        f"<!doctype html>\n<html lang=en><head>{head}</head><body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body></html>\n"
    )


def _standing(run: Run, results: Mapping[str, Any]) -> str:
    status = _object(run.path / "status.json")
    rows = [("run", near(run.path)), ("state", f"{'stale' if run.stale else run.state} {run.reason}".strip())]
    if aim := results.get("objective"):
        rows.append(("objective", f"{aim.get('name')} {_number(aim.get('value'))} in epoch {aim.get('epoch')}"))
    rows += [
        (name, f"{results[name]:,}") for name in ("parameters", "epochs", "steps") if isinstance(results.get(name), int)
    ]
    rows += [(name, status[name]) for name in ("started", "ended") if status.get(name)]
    return _table(rows)


def _again(run: Run, typed: Sequence[str]) -> str:
    command = " ".join(["python train.py", *(shlex.quote(text) for text in typed)])
    return f"<pre>{escape(command)}\nnetyard rerun {escape(shlex.quote(str(run.path)))}</pre>"


def _metrics(results: Mapping[str, Any]) -> str:
    """One row a metric, one column a split."""
    metrics = results.get("metrics") or {}
    names = dict.fromkeys(name.partition("/")[2] for name in sorted(metrics))
    splits = [split for split in SPLIT if any(name.startswith(f"{split}/") for name in metrics)]
    rows = [(name, *(_number(metrics.get(f"{split}/{name}")) for split in splits)) for name in names]
    return _table(rows, ("", *splits)) if rows else ""


def _curves(run: Run) -> Iterator[str]:
    """A picture for each metric that has more than one epoch, its splits together."""
    try:
        with (run.path / "metrics.csv").open(newline="", encoding="utf-8") as file:
            columns = next(csv.reader(file), [])
    except OSError:
        return
    kinds: dict[str, list[str]] = {}
    for name in columns:
        if name not in ("epoch", "step"):
            kinds.setdefault(name.rpartition("/")[2], []).append(name)
    for kind, names in list(kinds.items())[:MOST_CURVES]:
        curves = {name: points for name in names if len(points := sweep_plots.column(run, name)) > 1}
        if curves:
            yield _figure(chart.png(partial(_draw, kind, curves), 5.2), ", ".join(curves))


def _draw(kind: str, curves: Mapping[str, Sequence[tuple[int, float]]], axes: Any) -> None:
    for name, points in curves.items():
        colour = {"train": "tab:blue", "val": "tab:orange"}.get(name.partition("/")[0], "tab:green")
        axes.plot(*zip(*points, strict=True), label=name, color=colour)
    axes.set(xlabel="epoch", ylabel=kind)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)
    axes.legend(fontsize=8)


def _changes(run: Run, typed: Sequence[str], defaults: Defaults) -> str:
    """The groups that are not the defaults', and the keys that are not as the chosen options have them."""
    chosen = {group: option for group, option in run.choices.items() if group in GROUPS and isinstance(option, str)}
    try:
        _, usual = defaults([])
        config, _ = defaults([f"{group}={option}" for group, option in chosen.items()])
    except Exception as error:  # whatever an option that is gone by now, or a user's own file, leads to
        return f"<p>Not compared with the defaults: {escape(str(error).splitlines()[0])}</p>{_again_typed(typed)}"
    groups = [(group, option, str(usual.get(group))) for group, option in chosen.items() if option != usual.get(group)]
    was, here = dict(leaves(config, empty=True)), dict(leaves(run.config, empty=True))
    keys = [key for key in dict.fromkeys([*here, *was]) if here.get(key, MISSING) != was.get(key, MISSING)]
    rows = [(key, _value(here, key), _value(was, key)) for key in keys]
    tables = [
        _table(groups, ("group", "here", "default")) if groups else "",
        _table(rows, ("key", "here", "of its option")) if rows else "",
    ]
    return "".join(filter(None, tables)) or "<p>Nothing: every choice and key is the default.</p>"


def _again_typed(typed: Sequence[str]) -> str:
    return f"<p>Typed: <code>{escape(' '.join(typed)) or '-'}</code></p>"


def _pictures(path: Path) -> Iterator[str]:
    files = [*sorted(path.glob("*.png")), *sorted((path / "pictures").glob("*.*"))]
    for file in files[:MOST_PICTURES]:
        if file.suffix in (".png", ".gif") and file.stat().st_size <= LARGEST_PICTURE:
            yield _figure(file.read_bytes(), file.stem, file.suffix[1:])


def _texts(path: Path) -> Iterator[str]:
    """What the network wrote, or mistook."""
    for file in sorted((path / "texts").glob("*.*"))[:MOST_TEXTS]:
        if file.suffix not in (".txt", ".csv") or file.stat().st_size > LARGEST_TEXT:
            continue
        text = file.read_text(encoding="utf-8", errors="replace")
        if file.suffix == ".txt":
            content = f"<pre>{escape(text.rstrip())}</pre>"
        else:
            rows = list(csv.reader(io.StringIO(text, newline="")))
            content = _table(rows[1:], rows[0] if rows else ())
        yield f"<figure>{content}<figcaption>{escape(file.stem)}</figcaption></figure>\n"


def _environment(results: Mapping[str, Any]) -> str:
    rows = list((results.get("environment") or {}).items())
    rows += [(f"seconds of {name}", _number(value)) for name, value in (results.get("seconds") or {}).items()]
    rows += [(name.replace("_", " "), _number(value)) for name, value in (results.get("throughput") or {}).items()]
    return _table(rows) if rows else ""


def _log(run: Run) -> str:
    if run.state == "completed":
        return ""
    try:
        lines = (run.path / "train.log").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return f"<pre>{escape(chr(10).join(lines[-LAST_LINES:]))}</pre>"


def _section(title: str, content: str) -> str:
    return f"<h2>{escape(title)}</h2>\n{content}" if content else ""


def _table(rows: Iterable[Sequence[Any]], head: Sequence[str] = ()) -> str:
    lines = ["<tr>" + "".join(f"<th>{escape(text)}</th>" for text in head) + "</tr>"] if head else []
    lines += ["<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows]
    return f"<table>{''.join(lines)}</table>"


def _figure(content: bytes, caption: str, kind: str = "png") -> str:
    data = base64.b64encode(content).decode("ascii")
    text = escape(caption)
    return f'<figure><img src="data:image/{kind};base64,{data}" alt="{text}"><figcaption>{text}</figcaption></figure>\n'


def _value(values: Mapping[str, Any], key: str) -> str:
    return shown(values[key]) if key in values else MISSING


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else MISSING if value is None else str(value)


def _object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
