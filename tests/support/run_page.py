"""Parses the report page of a run."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from netyard.cli import main

VOID = ("meta", "img", "wbr", "br")  # elements that have no end


class Page(HTMLParser):
    """Tables by the heading above them, pictures by their caption, charts by their title with their curves' points.

    ``addresses`` is everything that is asked for, ``handlers`` every attribute by which a script could run.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.pictures: dict[str, str] = {}
        self.addresses: list[str] = []
        self.charts: dict[str, dict[str, Any]] = {}
        self.handlers: list[str] = []
        self.scripts: list[str] = []
        self.text = ""
        self.code: list[str] = []
        self.heading = ""
        self.headings: list[str] = []
        self.feed(text)
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        asked = [str(found[name]) for name in ("src", "href", "action", "srcset", "data") if name in found]
        self.addresses += [address for address in asked if not address.startswith("#")]
        self.handlers += [name for name in found if name.startswith("on") or name in ("srcdoc", "formaction")]
        if "data-chart" in found:
            self.charts[str(found["data-chart"])] = json.loads(found.get("data-points") or "{}")
        if tag == "img":
            self.pictures[str(found["alt"])] = str(found["src"])
        elif tag == "tr":
            self.rows.setdefault(self.heading, []).append([])
        if tag in ("td", "th"):
            self.rows[self.heading][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside != "style":
            self.text += data
        if inside in ("h1", "h2"):
            self.heading = data
            self.headings.append(data)
        elif {"td", "th"} & {*self.open}:
            self.rows[self.heading][-1][-1] += data
        elif inside == "pre":
            self.code.append(data)


def page_of(path: Path, capsys: pytest.CaptureFixture[str]) -> Page:
    """Return the page that `netyard report` writes for a run, in the folder ``out``."""
    assert main.main(["report", str(path), "output=out"]) == 0
    assert "wrote out/report.html" in capsys.readouterr().out
    return Page(Path("out/report.html").read_text(encoding="utf-8"))
