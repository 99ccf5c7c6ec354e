"""What the wheel says of itself and carries."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_the_description_has_no_link_that_holds_in_the_repository_alone() -> None:
    pytest.importorskip("hatchling")
    described = runpy.run_path(str(ROOT / "hatch_build.py"))["described"]
    text = described((ROOT / "README.md").read_text(encoding="utf-8"))
    assert not re.findall(r"\]\((?!https?://)[^)]*\)|<img", text)
    assert "make train" in text and "your first run (`netyard help docs/first_run.md`)" in text
    assert described("see [x](https://a.b) and [docs/a.md](docs/a.md), [b](src/b.py)") == (
        "see [x](https://a.b) and docs/a.md, b (`src/b.py`)"
    )


@pytest.mark.skipif(sys.version_info < (3, 11), reason="tomllib came with Python 3.11")
def test_it_names_its_authors_and_carries_what_messages_refer_to() -> None:
    import tomllib

    project = tomllib.loads(PROJECT)
    about, carried = project["project"], project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert about["authors"] and about["license-files"] and "Typing :: Typed" in about["classifiers"]
    assert (ROOT / "src" / "netyard" / "py.typed").is_file()
    pages = {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
    assert {name: f"netyard/{name}" for name in {"conf", *pages}} == carried
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "conf").rglob("*.yaml")]
    named = {found for path in sources for found in re.findall(r"\bdocs/\w+\.md", path.read_text(encoding="utf-8"))}
    assert named <= pages | {"docs/GUIDE.md", "docs/NAME.md"}
