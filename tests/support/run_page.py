"""A run's page, taken apart."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from netyard.cli import main


class Page(HTMLParser):
    """Tables by the heading above them, pictures by their caption, and every address that is asked for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: dict[str, list[list[str]]] = {}
        self.pictures: dict[str, str] = {}
        self.addresses: list[str] = []
        self.code: list[str] = []
        self.heading = ""
        self.headings: list[str] = []
        self.feed(text)
        assert self.open == [], "every tag is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.addresses += [str(found[name]) for name in ("src", "href") if name in found]
        if tag == "img":
            self.pictures[str(found["alt"])] = str(found["src"])
        elif tag == "tr":
            self.rows.setdefault(self.heading, []).append([])
        if tag in ("td", "th"):
            self.rows[self.heading][-1].append("")
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        inside = self.open[-1] if self.open else ""
        if inside in ("h1", "h2"):
            self.heading = data
            self.headings.append(data)
        elif inside in ("td", "th"):
            self.rows[self.heading][-1][-1] += data
        elif inside == "pre":
            self.code.append(data)


def page_of(path: Path, capsys: pytest.CaptureFixture[str]) -> Page:
    """What `netyard report` makes of a run, in the folder ``out``."""
    assert main.main(["report", str(path), "output=out"]) == 0
    assert "wrote out/report.html" in capsys.readouterr().out
    return Page(Path("out/report.html").read_text(encoding="utf-8"))
