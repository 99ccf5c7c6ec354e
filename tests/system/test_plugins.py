"""netyard's wheel and that of a package which `netyard new` wrote, where no checkout is."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.fresh_environment import ROOT, FreshEnvironment

pytestmark = pytest.mark.long

WRITE = """
import sys

sys.path.append(sys.argv[1])
from netyard.cli.main import main

main(["new", "acme_lab"])
"""
ONE_PROCESS = """
import sys
import netyard
from netyard.cli.main import main

assert netyard.__file__.startswith(sys.prefix), netyard.__file__
for words in (
    "train model=acme_lab_mixer_tiny data=acme_lab_digits trainer=cpu debug=smoke hydra.run.dir=run",
    "evaluate run=run",
):
    assert main(words.split()) == 0
"""


def test_a_package_is_listed_trained_and_evaluated_where_it_is_installed(tmp_path: Path) -> None:
    fresh = FreshEnvironment(tmp_path)
    fresh.run("-c", WRITE, str(ROOT / "src"))
    fresh.install(ROOT, fresh.cwd / "acme_lab")
    assert "acme_lab_mixer_tiny" in fresh.netyard("list", "models", "acme*")
    said = fresh.run("-c", ONE_PROCESS)
    assert "test/accuracy" in said and (fresh.cwd / "run" / "results.json").is_file()
