"""Who may import whom, and which test stands where: read from the source."""

from __future__ import annotations

import ast
import os
import subprocess
from functools import cache
from pathlib import Path

import pytest
from lightning import Trainer

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "netyard"
TESTS = ROOT / "tests"
TIERS = ("unit", "integration", "system", "campaign", "gpu")
MIRRORING = ("unit", "integration", "system")
TORCH_FREE = {
    "catalog",
    "cli",
    "door",
    "downloads",
    "errors",
    "explain",
    "files",
    "gate",
    "journal",
    "listing",
    "locks",
    "manifests",
    "masking",
    "manual",
    "overrides",
    "reading",
    "rows",
    "rundir",
    "schema",
    "targets",
    "unfailing",
    "waking",
    "__init__",
    "__main__",
    "build",
}
HEAVY = {"torch", "torchvision", "lightning", "timm", "torchmetrics", "sklearn", "gymnasium", "tensorboard"}
# package -> what of other people's it may import, and what of ours
MAY = {
    "layers": ({"torch"}, set()),
    "losses": ({"torch", "timm"}, set()),
    "optim": ({"torch"}, set()),
    "models": ({"torch", "timm", "torchvision"}, {"layers", "plain"}),
    "data": (
        {"torch", "torchvision", "lightning", "gymnasium", "sklearn", "numpy", "PIL", "filelock", "tokenizers"},
        {"downloads", "errors", "files", "fingerprints"},
    ),
    "scores": ({"torch", "filelock", "torchmetrics", "torch_fidelity"}, {"downloads", "errors", "files", "plain"}),
    "exports": (
        {"torch", "onnx", "onnxruntime", "safetensors"},
        {"errors", "explain", "files", "plain", "rundir"},
    ),
    "reports": (
        {"numpy", "matplotlib", "optuna", "sqlalchemy", "tensorboard", "yaml", "omegaconf"},
        {"catalog", "errors", "explain", "files", "manifests", "reading"},
    ),
    "tasks": ({"torch", "lightning", "torchmetrics", "numpy"}, {"losses", "optim"}),
    "commands": (
        {"hydra", "omegaconf", "yaml"},
        {
            "assessing",
            "catalog",
            "checkpoint",
            "errors",
            "explain",
            "exporting",
            "exports",
            "files",
            "generating",
            "health",
            "journal",
            "listing",
            "manual",
            "overrides",
            "predicting",
            "reading",
            "reports",
            "rows",
            "run",
            "rundir",
            "schema",
            "waking",
        },
    ),
    "sweeps": (
        {"hydra", "hydra_plugins", "omegaconf", "optuna", "ray", "sqlalchemy", "submitit", "yaml"},
        {"catalog", "errors", "explain", "files", "locks", "masking", "overrides", "reports", "rundir", "targets"},
    ),
    "callbacks": (
        {"torch", "torchvision", "lightning", "rich", "PIL", "tensorboard"},
        {"errors", "exports", "files", "fingerprints", "manifests", "reports", "scores", "sweeps", "unfailing"},
    ),
}


@cache
def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            found |= (
                {f"{node.module}.{alias.name}" for alias in node.names}
                if node.module == "netyard"
                else {str(node.module)}
            )
    return found


def standard(name: str) -> bool:
    import sys

    return name.partition(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("path", sorted(SOURCE.glob("*/*.py")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_package_imports_only_what_it_may(path: Path) -> None:
    package = path.parent.name
    theirs, ours = MAY[package]
    for module in imports(path):
        top = module.partition(".")[0]
        if top == "netyard":
            assert module.split(".")[1] in ours | {package}, f"{path.name} imports {module}"
        else:
            assert standard(module) or top in theirs, f"{path.name} imports {module}"


@pytest.mark.parametrize("path", sorted(SOURCE.glob("*.py")), ids=lambda path: path.stem)
def test_the_top_level_knows_no_concrete_model_data_or_task(path: Path) -> None:
    for module in imports(path):
        assert not module.startswith(
            ("netyard.models", "netyard.data", "netyard.tasks", "netyard.losses", "netyard.optim")
        )
        if path.stem in TORCH_FREE:
            assert module.partition(".")[0] not in HEAVY, f"{path.name} imports {module}"


def test_only_one_place_instantiates() -> None:
    users = [path.stem for path in SOURCE.rglob("*.py") if "hydra.utils" in imports(path)]
    assert users == ["build"]


def test_every_package_of_the_house_has_its_arrows() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages == set(MAY)


@cache
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call in a file, with the dotted name of what is called."""
    found = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return [(ast.unparse(node.func), node) for node in found]


def given(call: ast.Call, name: str) -> str:
    return next((ast.unparse(each.value) for each in call.keywords if each.arg == name), "")


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("torch.load", "plain"),
        ("instantiate", "build"),
        ("Image.open", "pictures"),
        ("tarfile.open", "archives"),
        ("pickle_load", "submitted"),  # of submitit, what a job of this very sweep has written
    ],
)
def test_what_reads_from_others_has_one_home(name: str, home: str) -> None:
    found = {(path.stem, each) for path in SOURCE.rglob("*.py") for called, each in calls(path) if called == name}
    assert {stem for stem, _ in found} == {home}
    for _, call in found:
        assert name != "torch.load" or given(call, "weights_only") == "True"
        assert name != "Image.open" or given(call, "formats") == "FORMATS"


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_nothing_runs_what_it_reads(path: Path) -> None:
    forbidden = {
        "eval",
        "exec",
        "compile",
        "os.system",
        "os.popen",
        "yaml.unsafe_load",
        "yaml.full_load",
        "torch.hub.load",
    }
    for name, call in calls(path):
        assert name not in forbidden, f"{path.name} calls {name}"
        assert name.rpartition(".")[2] not in ("extractall", "load_from_checkpoint", "add_safe_globals")
        assert not name.startswith(("pickle.", "marshal.", "shelve.", "joblib.", "dill.")), f"{path.name} calls {name}"
        assert name not in ("np.load", "numpy.load") or not given(call, "allow_pickle")
        assert name != "yaml.load" or given(call, "Loader").lower().endswith("loader"), f"{path.name}: which loader"
        assert given(call, "shell") in ("", "False"), f"{path.name} asks a shell"
    unsafe = ("yaml.Loader", "UnsafeLoader", "FullLoader", "CLoader", "LOAD_TRUNCATED_IMAGES", "shell=True")
    assert not [word for word in unsafe if word in path.read_text(encoding="utf-8")]


def counterparts(test: Path) -> list[Path]:
    """What a test of a tier may be about: the files that have its name, and stand where it stands."""
    folder, name = test.relative_to(TESTS).parent, test.stem.removeprefix("test_")
    inside = Path(*folder.parts[1:])
    about = [SOURCE / inside / f"{name}.py", SOURCE / inside / name, ROOT / "src" / inside / f"{name}.py"]
    if inside == Path():
        return [*about, *(ROOT / each for each in ("README.md", "Makefile", "pyproject.toml") if named(each) == name)]
    top = inside.parts[0]
    if top == "conf":
        return [ROOT / inside / name]
    if top == "docs":
        return [ROOT / inside / f"{name}.md"]
    if top == "bench":
        return [ROOT / inside / f"{name}.py", ROOT / name]
    if top == "support":
        return [TESTS / inside / f"{name}.py"]
    return about


def named(file: str) -> str:
    return file.partition(".")[0].lower()


# About a whole folder: the source, the pages that run from top to bottom.
OF_A_FOLDER = {"unit/test_layering.py", "unit/docs/test_guides.py", "system/docs/test_guides.py"}


@pytest.mark.parametrize(
    "path",
    [path for tier in MIRRORING for path in sorted((TESTS / tier).rglob("test_*.py"))],
    ids=lambda path: str(path.relative_to(TESTS)),
)
def test_a_test_mirrors_what_it_is_about(path: Path) -> None:
    if path.relative_to(TESTS).as_posix() not in OF_A_FOLDER:
        assert any(each.exists() for each in counterparts(path)), [str(each) for each in counterparts(path)]


def test_every_test_is_in_a_tier() -> None:
    files = [path.relative_to(TESTS).as_posix() for path in TESTS.rglob("test_*.py")]
    assert [name for name in files if name.partition("/")[0] not in TIERS] == []


def test_a_unit_test_cannot_start_a_process() -> None:
    with pytest.raises(RuntimeError, match="starts a process"):
        subprocess.run(["true"], check=False)
    with pytest.raises(RuntimeError, match="starts a process"):
        os.fork()


def test_a_unit_test_cannot_train() -> None:
    trainer = Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
    for train in (trainer.fit, trainer.validate, trainer.test, trainer.predict):
        with pytest.raises(AssertionError, match="its place is tests/integration"):
            train()
