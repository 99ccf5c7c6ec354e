"""The notebooks of ``docs/`` run from top to bottom, and a kernel is afterwards what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from support.documented_commands import ROOT
from support.waiting import PATIENCE
from support.warm_kernel import SPEC
from support.warm_processes import WarmServer

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))

BEFORE = """
import logging, os, signal, sys, threading
from pathlib import Path

def state():
    import torch
    handlers = [handler for handler in logging.getLogger().handlers]
    return os.getcwd(), sys.argv[:], handlers, torch.get_num_threads(), signal.getsignal(signal.SIGINT)

before = state()
"""
INTERRUPTED = """
import netyard, time

folder = Path("outputs/interrupted")

def press_stop():  # what the button of a notebook does, once an epoch is saved
    while not list(folder.glob("checkpoints/save-*.json")):
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=press_stop, daemon=True).start()
try:
    netyard.fit("model=mlp_tiny", "trainer.max_epochs=100000", "trainer=cpu", f"hydra.run.dir={folder}")
except netyard.NetyardError as error:
    assert error.exit_code == 130, error
else:
    raise AssertionError("it was not interrupted")
interrupted = netyard.load(folder)
assert interrupted.state == "interrupted"
epochs = len(interrupted.history)
resumed = netyard.fit(f"resume={folder}", f"trainer.max_epochs={epochs + 2}")
assert resumed.state == "completed" and len(resumed.history) == epochs + 2
"""
AFTER = """
assert state() == before, (state(), before)
"""


def shown(cell: Any) -> set[str]:
    """The kinds of content that a cell has put out."""
    return {kind for output in cell.outputs for kind in output.get("data", {})}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_an_interrupted_cell_saves_and_the_kernel_stays_as_it_was(
    warm_server: WarmServer, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = tmp_path / "jupyter" / "kernels" / "warm" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({**SPEC, "env": warm_server.environment()}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    before, interrupted, after = (nbformat.v4.new_code_cell(text) for text in (BEFORE, INTERRUPTED, AFTER))
    cells = nbformat.read(path, as_version=4).cells
    notebook = nbformat.v4.new_notebook(cells=[before, *cells, interrupted, after])
    resources = {"metadata": {"path": str(tmp_path)}}
    NotebookClient(notebook, timeout=PATIENCE, kernel_name="warm", resources=resources).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"][1:-2]
    fit, run = code[0], code[1]
    assert "text/html" in shown(fit), "the bar"
    assert any("epoch" in output.get("text", "") for output in fit.outputs), "a line an epoch"
    assert "text/html" in shown(run) and "image/png" in run.outputs[0].data["text/html"], "its pictures"
    assert any("image/png" in shown(cell) for cell in code[5:]), "images that a network made"
