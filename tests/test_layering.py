"""Who may import whom: the arrows of the house, read from the source."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[1] / "src" / "netyard"

TORCH_FREE = {
    "catalog",
    "cli",
    "door",
    "errors",
    "explain",
    "files",
    "journal",
    "listing",
    "manifests",
    "manual",
    "rundir",
    "schema",
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
    "models": ({"torch", "timm", "torchvision", "safetensors"}, {"layers"}),
    "data": (
        {"torch", "torchvision", "lightning", "gymnasium", "sklearn", "numpy", "PIL", "filelock", "tokenizers"},
        {"errors", "fingerprints"},
    ),
    "scores": ({"torch", "filelock", "torchmetrics", "torch_fidelity"}, {"errors", "files"}),
    "exports": (
        {"torch", "onnx", "onnxruntime", "safetensors"},
        {"errors", "explain", "files", "rundir"},
    ),
    "reports": (
        {"numpy", "matplotlib", "optuna", "sqlalchemy", "yaml", "omegaconf"},
        {"catalog", "errors", "explain", "files"},
    ),
    "tasks": ({"torch", "lightning", "torchmetrics", "numpy"}, {"losses", "optim"}),
    "sweeps": (
        {"hydra", "hydra_plugins", "omegaconf", "optuna", "ray", "sqlalchemy", "submitit", "yaml"},
        {"catalog", "errors", "explain", "files", "reports", "rundir"},
    ),
    "callbacks": (
        {"torch", "torchvision", "lightning", "rich", "PIL", "tensorboard"},
        {"errors", "files", "fingerprints", "manifests", "scores", "sweeps"},
    ),
}


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
