"""Renders a report page from ``templates/`` by Jinja: one HTML file that loads nothing from elsewhere.

Values from a run are untrusted. Jinja escapes all of them, and the content security policy of the page allows only the
script of this package, by its hash. Only that script and the style sheet are inserted unescaped.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netyard.io.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Tile:
    """A number in the summary at the top of a page, with an optional remark (``more``)."""

    name: str
    value: str
    more: str = ""
    accent: bool = False
    score: bool = False

    @property
    def large(self) -> bool:
        """Whether it is a score that fits into a line of large digits."""
        return self.score and len(self.value) <= 7


def render(template: str, title: str, sections: Sequence[tuple[str, str]], **values: Any) -> str:
    """Return the HTML of a page.

    Args:
        template: name of a file in ``templates/``.
        title: of the page.
        sections: (anchor, name) of each section, for the navigation.
        values: the variables of the template; a missing one is an error.
    """
    from markupsafe import Markup

    script, style = (TEMPLATES / "page.js").read_text("utf-8"), (TEMPLATES / "page.css").read_text("utf-8")
    # By its hash the inline script may run, and nothing that a value could smuggle into the page.
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    # Nothing is loaded: images are data URLs. base-uri and form-action are not covered by default-src.
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{script_hash}'"
    return (
        _environment()
        .get_template(template)
        .render(
            title=title,
            sections=sections,
            policy=f"{policy}; base-uri 'none'; form-action 'none'",
            style=Markup(style),
            script=Markup(script),
            version=__version__,
            now=datetime.now().astimezone().strftime("%Y-%m-%d %H:%M"),
            **values,
        )
    )


@cache  # compiled templates are kept in it
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,  # off by default
        undefined=StrictUndefined,  # by default Jinja renders a misspelled variable as an empty text
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def four_digits(value: float) -> str:
    """Format a number with four significant digits: 0.9640, 268.7, 12,346, 3.100e-07."""
    if not math.isfinite(value) or value == 0:
        return f"{value:g}"
    if 1e-4 <= abs(value) < 999.95:
        return f"{value:#.4g}"  # with "#" zeros at the end are kept
    return f"{value:,.0f}" if 1 <= abs(value) < 1e9 else f"{value:.3e}"


def duration(seconds: float) -> str:
    """Format seconds as "4.2 s", "3 min 20 s" or "5 h 07 min"."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)  # rounded first: 119.7 s are 2 min 00 s, not 1 min 60 s
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
