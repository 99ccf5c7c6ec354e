"""Commands as processes: without a home, a terminal or a listener, and with all asleep that they do not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "logger=none")


def cut_off(command: list[str], environment: dict[str, str], folder: Path, after: str = "") -> tuple[int, str]:
    """The code of a command whose output nobody reads, or nobody after its first line; and what it complains of."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, cwd=folder, encoding="utf-8", **streams) as process:  # type: ignore[call-overload]
        assert process.stdout and process.stderr
        assert not after or process.stdout.readline().startswith(after)
        process.stdout.close()
        said = process.stderr.read()
    return process.returncode, said


LISTING = "import sys; from netyard.cli import main as cli; sys.exit(cli.main(sys.argv[1:]))"


@pytest.mark.parametrize("words", [["list", "models"], ["train", "--cfg", "job"]], ids=" ".join)
def test_a_list_may_be_cut_off(words: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    assert cut_off([sys.executable, "-c", LISTING, *words], environment, tmp_path) == (0, "")


ROOT = Path(__file__).resolve().parents[3]
HEAVY = {"torch", "lightning", "timm", "torchvision", "torchmetrics", "numpy", "scipy", "pandas", "sklearn", "PIL"}
HEAVY |= {"matplotlib", "tensorboard", "rich", "gymnasium", "tokenizers", "optuna", "sqlalchemy", "ray", "onnx"}
# Of other models, data and commands; Lightning and torchmetrics import some of the rest of HEAVY for themselves.
UNUSED = {"timm", "gymnasium", "tokenizers", "optuna", "sqlalchemy", "ray", "submitit"}
UNUSED |= {"onnx", "onnxruntime", "safetensors", "ale_py", "minatar"}
ASLEEP = """
import sys
from netyard.cli import main as cli

code = cli.{}
awake = {} & set(sys.modules)
{}
assert not awake, f"awake: {{awake}}"
sys.exit(code)
"""
DOOR = """
import sys
from hydra.core.global_hydra import GlobalHydra
from netyard.cli import main as cli

for call in {}:
    GlobalHydra.instance().clear()
    try:
        code = eval("cli." + call)
    except SystemExit as end:
        code = end.code or 0
    assert code in (0, 2), f"{{call}} ended with code {{code}}"
    awake = {} & set(sys.modules)
    assert not awake, f"{{call}} woke {{awake}}"
print("all are answered")
"""
CALLS = (
    "train(['--help'])",
    "train(['--cfg', 'job'])",
    "train(['--cfg', 'job', 'model=resnet50', 'optimizer=sgd'])",
    "train(['optimzer=adam'])",
    "train(['optimizer.lr=-1'])",
    "main([])",
    "main(['list'])",
    "main(['list', 'models', 'resnet*'])",
    "main(['list', 'models', '--max-parameters', '10M'])",
    "main(['runs', '.'])",
    "main(['doctor', '--help'])",
    "main(['rerun', '--help'])",
    "main(['completion', 'query', 'netyard train model=res'])",
    "main(['evaluate', '--help'])",
    "main(['report', '--help'])",
    "main(['report', '.', 'ouptut=folder'])",
    "main(['predict', '--help'])",
    "main(['predict', 'run=nowhere', 'inptu=photos', 'output=out.csv'])",
    "main(['predict', 'run=nowhere', 'output=nowhere/out.csv'])",
)


def test_the_door_answers_without_torch(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DOOR.format(CALLS, HEAVY)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    assert done.returncode == 0 and done.stdout.endswith("all are answered\n"), done.stderr


def test_tab_completion_knows_the_families_without_torch(tmp_path: Path) -> None:
    script = ASLEEP.format("train(['-sc', 'query=bash'])", HEAVY, "")
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(ROOT / "src"), "COMP_LINE": "train.py model=resnet1", "COMP_POINT": "22"},
        check=False,
    )
    assert set(done.stdout.split()) == {"model=resnet18", "model=resnet101", "model=resnet152"}, done.stderr


def test_a_run_needs_no_home_terminal_language_listener_or_other_modules(tmp_path: Path) -> None:
    """As in a container: C for a language, nowhere for temporary files, and whoever read the output is gone."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT / "src"),
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
        "TMPDIR": str(tmp_path / "nowhere"),
        "OMP_NUM_THREADS": "1",
    }
    overrides = [*RUN, "trainer.max_epochs=2", f"hydra.run.dir={tmp_path / 'run'}"]
    looked = "import gc; assert gc.isenabled() and gc.get_freeze_count() > 100_000"
    program = ASLEEP.format(f"train({overrides})", UNUSED, looked)
    code, said = cut_off([sys.executable, "-c", program], environment, tmp_path, after="mlp_tiny")
    assert code == 0, said
    assert "Traceback" not in said and "BrokenPipe" not in said
    assert json.loads((tmp_path / "run" / "results.json").read_text())["epochs"] == 2
    assert "test/accuracy" in (tmp_path / "run" / "train.log").read_text(encoding="utf-8")


def test_python_m_netyard_is_netyard(command) -> None:
    assert "evaluate" in command("-m", "netyard", "--help").out
