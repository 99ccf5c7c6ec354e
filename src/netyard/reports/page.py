"""A page of a report: one HTML file that loads nothing from elsewhere, rendered by Jinja from ``templates/``.

Values from a run are untrusted: Jinja escapes all of them, and the page's content security policy admits no script but
ours, by its hash. Only the script and the style sheet of this package are inserted unescaped.
"""

from __future__ import annotations

import base64
import hashlib
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
    """A number in the summary at the top of a page, with a remark."""

    name: str
    value: str
    more: str = ""
    accent: bool = False


def render(template: str, title: str, sections: Sequence[tuple[str, str]], **values: Any) -> str:
    """The HTML of a page.

    Args:
        template: one of the files in ``templates/``.
        sections: (anchor, name) of what the page has.
        values: what the template asks for; a name that it has and that is missing here is an error.
    """
    from markupsafe import Markup

    script, style = (TEMPLATES / "page.js").read_text("utf-8"), (TEMPLATES / "page.css").read_text("utf-8")
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
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


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def duration(seconds: float) -> str:
    """As "4.2 s", "3 min 20 s" or "5 h 07 min"."""
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 1 else f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
