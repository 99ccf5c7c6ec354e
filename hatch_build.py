"""The README as the description of the package, without pictures and links that hold in the repository alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"^!\[[^\]]*\]\((?!https?:)[^)]*\)\n+", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]+)\]\((?!https?:|#)([^)\s]+)\)")


def described(readme: str) -> str:
    """The text of the README with names of files in place of links to them; guides are read by ``netyard help``."""

    def named(link: re.Match[str]) -> str:
        text, place = link.groups()
        shown = f"netyard help {place}" if re.fullmatch(r"docs/\w+\.md", place) else place
        return text if text == place else f"{text} (`{shown}`)"

    return _LINK.sub(named, _PICTURE.sub("", readme))


class CustomMetadataHook(MetadataHookInterface):
    """Sets ``readme`` of the project."""

    def update(self, metadata: dict[str, Any]) -> None:
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": described(text)}
