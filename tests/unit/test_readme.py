"""The README begins with what a person types first, and names every family. Its commands are in ``test_guides.py``."""

from __future__ import annotations

from pathlib import Path

from netyard.config import catalog
from support.documented_commands import train_commands

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_commands_are_found() -> None:
    assert len(train_commands([ROOT / "README.md"])) >= 10


def test_the_first_screen_has_the_two_commands_and_ci_runs_the_second() -> None:
    screen = TEXT.splitlines()[:10]
    assert any(line.startswith("make train") for line in screen)
    assert any(line.startswith("make test") for line in screen)
    assert "make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_every_family_is_in_the_readme_and_every_network_on_its_page() -> None:
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    for family, node in catalog.families().items():
        assert any(f"`{name}`" in TEXT for name in node["variants"]), family
        assert any(f"`{name}`" in page for name in node["variants"]), family
