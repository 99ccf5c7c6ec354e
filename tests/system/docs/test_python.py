"""The page on Python runs from top to bottom, as one program; and importing netyard costs next to nothing."""

from __future__ import annotations

import re
from pathlib import Path

from support.documented_commands import ROOT

LIGHT = """
import sys
import netyard
heavy = {"torch", "lightning", "hydra", "omegaconf", "numpy", "matplotlib"} & {*sys.modules}
assert not heavy, heavy
netyard.compose("model=mlp"), netyard.list("models", "resnet*"), netyard.runs("nowhere")
assert "torch" not in sys.modules
assert {"fit", "load", "sweep", "runs", "compose", "list", "NetyardError"} <= {*dir(netyard)}
"""


def test_the_page_runs_from_top_to_bottom(command, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "python.md").read_text(encoding="utf-8")
    program = "\n".join(re.findall(r"```python\n(.*?)```", page, re.DOTALL))
    # A sweep starts processes, which import the main module on some systems.
    (tmp_path / "page.py").write_text(f"if __name__ == '__main__':\n{indented(program)}", encoding="utf-8")
    ran = command(str(tmp_path / "page.py"), warm=True)
    assert ran.code == 0, ran.err


def indented(program: str) -> str:
    return "\n".join(f"    {line}" for line in program.splitlines())


def test_importing_netyard_imports_nothing_heavy(command) -> None:
    ran = command("-c", LIGHT)
    assert ran.code == 0, ran.err
