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
ROOT_MODULES = 5  # at most
EVERYWHERE = {"errors", "__init__", "ranges"}
# room -> what of other people's it may import, and which rooms of ours besides EVERYWHERE; none of these arrows turns.
TORCH = {"torch", "torchvision", "lightning", "timm"}
MAY: dict[str, tuple[set[str], set[str]]] = {
    "ranges": (set(), set()),
    "layers": ({"torch"}, set()),
    "losses": ({"torch", "timm"}, set()),
    "optim": ({"torch"}, set()),
    "io": ({"pandas", "numpy", "omegaconf", "packaging", "pyarrow", "safetensors", "torch", "yaml"}, set()),
    "config": ({"hydra", "omegaconf", "yaml"}, {"io", "plugins"}),
    "models": ({"torch", "timm", "torchvision"}, {"layers", "io"}),
    "metrics": ({"filelock", "lightning", "numpy", "scipy", "torch", "torch_fidelity", "torchmetrics"}, {"io"}),
    "data": (
        {*TORCH, "gymnasium", "sklearn", "numpy", "PIL", "filelock", "tokenizers"},
        {"io"},
    ),
    "run_directories": (
        {"hydra", "numpy", "omegaconf", "optuna", "sqlalchemy", "tensorboard", "yaml"},
        {"config", "io"},
    ),
    "tasks": ({"torch", "lightning", "torchmetrics", "numpy"}, {"losses", "optim", "metrics"}),
    "baselines": (
        {"filelock", "gymnasium", "numpy", "scipy", "sklearn", "threadpoolctl", "torch"},
        {"io", "metrics", "tasks"},
    ),
    "plots": ({*TORCH, "cycler", "matplotlib", "numpy", "PIL"}, {"io", "metrics"}),
    "diagnostics": (set(), {"metrics"}),
    "reports": (
        {"jinja2", "markupsafe", "matplotlib", "optuna", "sqlalchemy"},
        {"config", "io", "metrics", "plots", "run_directories"},
    ),
    "callbacks": (
        {*TORCH, "IPython", "matplotlib", "rich", "PIL", "tensorboard"},
        {"io", "metrics", "plots", "run_directories", "tasks"},
    ),
    "training": (
        {*TORCH, "omegaconf", "rich", "tensorboard"},
        {"baselines", "callbacks", "config", "diagnostics", "io", "metrics", "plugins", "run_directories", "tasks"},
    ),
    "inference": (
        {*TORCH, "numpy", "omegaconf", "PIL", "rich"},
        {"callbacks", "config", "io", "metrics", "plots", "run_directories", "tasks", "training"},
    ),
    "export": (
        {"torch", "onnx", "onnxruntime", "safetensors"},
        {"config", "io", "run_directories", "tasks", "training"},
    ),
    "sweeps": (
        {"hydra", "hydra_plugins", "omegaconf", "optuna", "ray", "sqlalchemy", "submitit", "torch", "yaml"},
        {"config", "io", "run_directories"},
    ),
    "cli": (
        {"hydra", "omegaconf", "packaging", "torch", "yaml"},
        {"config", "export", "inference", "io", "plugins", "reports", "run_directories", "sweeps", "training"},
    ),
}
# Rooms in which torch is imported inside of functions alone, if at all, for commands that do not need it start at once.
LATE = ("config", "run_directories", "sweeps", "cli", "reports")
HEAVY = {"torch", "torchvision", "lightning", "timm", "torchmetrics", "sklearn", "gymnasium", "tensorboard"}


@cache
def nodes(path: Path) -> list[ast.AST]:
    return [*ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


@cache
def imports(path: Path) -> set[str]:
    """Every module a file imports, wherever in it."""
    found: set[str] = set()
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            # A name may be a module: ``from netyard.io import atomic``.
            if str(node.module).partition(".")[0] == "netyard":
                found |= {f"{node.module}.{alias.name}" for alias in node.names}
            if node.module != "netyard":
                found.add(str(node.module))
    return found


def standard(name: str) -> bool:
    import sys

    return name.partition(".")[0] in sys.stdlib_module_names


def rooms() -> list[Path]:
    return sorted(path for path in SOURCE.rglob("*.py") if path.parent != SOURCE)


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def arrows() -> dict[str, set[str]]:
    """Of every module the modules of ours that it imports, wherever in it."""
    known = {name_of(path): path for path in SOURCE.rglob("*.py")}
    found: dict[str, set[str]] = {}
    for name, path in known.items():
        found[name] = {each for each in imports(path) if each in known} - {name}
    return found


@pytest.mark.parametrize("name", MAY)
def test_a_room_imports_only_what_it_may(name: str) -> None:
    theirs, ours = MAY[name]
    found = [(path, module) for path in (SOURCE / name).rglob("*.py") for module in imports(path)]
    for path, module in found:
        top = module.partition(".")[0]
        if top == "netyard":
            inner = [*module.split("."), "__init__"][1]
            assert inner in ours | EVERYWHERE | {name}, f"{path} imports {module}"
        else:
            assert standard(module) or top in theirs, f"{path} imports {module}"


@pytest.mark.parametrize("name", LATE)
def test_a_command_that_needs_no_torch_imports_none(name: str) -> None:
    """But for what ``netyard doctor`` looks at, which is imported by it alone."""
    for path in (SOURCE / name).rglob("*.py"):
        top_level = ast.parse(path.read_text(encoding="utf-8")).body if path.stem != "environment" else []
        for node in top_level:
            modules = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            modules += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
            assert not [each for each in modules if each.partition(".")[0] in HEAVY], path


@pytest.mark.parametrize("name", ["baselines", "callbacks", "training", "inference", "export"])
def test_what_a_task_can_do_is_asked_by_interfaces_alone(name: str) -> None:
    for path in (SOURCE / name).rglob("*.py"):
        tasks = {module for module in imports(path) if module.startswith("netyard.tasks")}
        assert not [module for module in tasks if not module.startswith("netyard.tasks.interfaces")], path


def test_there_is_no_circle() -> None:
    to, done = arrows(), set[str]()

    def follow(name: str, way: list[str]) -> None:
        assert name not in way, " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for each in sorted(to[name]):
                follow(each, [*way, name])
            done.add(name)

    for name in to:
        follow(name, [])


def test_the_root_is_small_and_knows_no_concrete_model_data_or_task() -> None:
    modules = sorted(SOURCE.glob("*.py"))
    assert len(modules) <= ROOT_MODULES
    concrete = tuple(f"netyard.{name}" for name in ("models", "data", "tasks", "losses", "optim"))
    for path in modules:
        assert not [module for module in imports(path) if module.startswith(concrete)], path


def test_only_one_place_instantiates() -> None:
    users = [path.stem for path in SOURCE.rglob("*.py") if "hydra.utils" in imports(path)]
    assert users == ["instantiate"]


def test_every_room_has_its_arrows() -> None:
    packages = {path.parent.name for path in SOURCE.glob("*/__init__.py")}
    assert packages == set(MAY)
    assert all(path.exists() for path in (each / "__init__.py" for each in {path.parent for path in rooms()}))


@cache
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    """Every call in a file, with the dotted name of what is called."""
    return [(ast.unparse(node.func), node) for node in nodes(path) if isinstance(node, ast.Call)]


def given(call: ast.Call, name: str) -> str:
    return next((ast.unparse(each.value) for each in call.keywords if each.arg == name), "")


@pytest.mark.parametrize(
    ("name", "home"),
    [
        ("torch.load", "safe_load"),
        ("instantiate", "instantiate"),
        ("Image.open", "decode"),
        ("tarfile.open", "archives"),
        ("pickle_load", "slurm"),  # of submitit, what a job of this very sweep has written
    ],
)
def test_what_reads_from_others_has_one_home(name: str, home: str) -> None:
    found = {(path.stem, each) for path in SOURCE.rglob("*.py") for called, each in calls(path) if called == name}
    assert {stem for stem, _ in found} == {home}
    for _, call in found:
        assert name != "torch.load" or given(call, "weights_only") == "True"
        assert name != "Image.open" or given(call, "formats") == "FORMATS"


FORBIDDEN = (
    *("eval", "exec", "compile", "os.system", "os.popen"),
    *("yaml.unsafe_load", "yaml.full_load", "torch.hub.load"),
)
UNSAFE = ("yaml.Loader", "UnsafeLoader", "FullLoader", "CLoader", "LOAD_TRUNCATED_IMAGES", "shell=True")


def test_nothing_runs_what_it_reads() -> None:
    for path in SOURCE.rglob("*.py"):
        for name, call in calls(path):
            assert name not in FORBIDDEN, f"{path} calls {name}"
            last = name.rpartition(".")[2]
            assert last not in ("load_from_checkpoint", "add_safe_globals"), path
            assert last != "extractall" or path.stem == "archives", f"{path}: where every member is looked at before"
            # hydra_internals unpickles what it has pickled itself, in memory.
            pickling = name.startswith(("pickle.", "marshal.", "shelve.", "joblib.", "dill."))
            assert not pickling or path.stem == "hydra_internals", f"{path} calls {name}"
            assert name not in ("np.load", "numpy.load") or not given(call, "allow_pickle"), path
            assert name != "yaml.load" or given(call, "Loader").lower().endswith("loader"), f"{path}: which loader"
            assert given(call, "shell") in ("", "False"), f"{path} asks a shell"
        text = path.read_text(encoding="utf-8")
        assert not [word for word in UNSAFE if word in text], path


# Private names that files besides ``lightning_internals`` touch, and why they have to.
PRIVATE = {
    # One call for all weights of a network; torch has no public one, and its optimizers and averages use these.
    "tasks/q_learning/bootstrapping.py": {"_foreach_copy_", "_foreach_lerp_"},
    # Lightning stops the workers of what has ``_iterator``; torch has no public way to stop them.
    "data/core/loaders.py": {"_iterator", "_shutdown_workers"},
    # Of optuna and of Python.
    "callbacks/optuna_pruning.py": {"_trial_id"},
    "sweeps/runners/fork_server.py": {"_registry", "_run_exitfuncs"},
}
# With an underscore, and public all the same: of named tuples, of os.
PUBLIC = {"_asdict", "_replace", "_fields", "_exit"}
OF_THEIRS = ("torch", "lightning", "tensorboard")


def made_here(source: str) -> set[str]:
    """Names that a module gives to something of its own: functions, classes, variables, attributes of ``self``."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found |= {node.attr} if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls") else set()
    return found


@cache
def made_by_us() -> frozenset[str]:
    """Of all modules but the home of others' private names: a class may have its attributes from one it builds upon."""
    homes = [path for path in SOURCE.rglob("*.py") if path.stem != "lightning_internals"]
    return frozenset(name for path in homes for name in made_here(path.read_text(encoding="utf-8")))


def private_names(source: str, own: frozenset[str] = frozenset()) -> set[str]:
    """Private names that a module takes of others: attributes that nobody here has made, and what it imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            found.add(node.attr)
        elif isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] in OF_THEIRS:
            names = [*str(node.module).split("."), *(alias.name for alias in node.names)]
            found |= {f"import {name}" for name in names if name.startswith("_")}
    return found - PUBLIC - own - made_here(source)


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("trainer.fit_loop._secret += 1", {"_secret"}),
        ("from lightning.pytorch.loops.fetchers import _DataFetcher", {"import _DataFetcher"}),
        ("from torch._dynamo import config", {"import _dynamo"}),
        ("class Own(Profiler):\n    def stop(self): return self._stage", {"_stage"}),
        ("class Own:\n    def stop(self): self._stage = 1\nOwn()._stage", set()),
        ("pair._replace(x=1)", set()),
    ],
)
def test_a_private_name_is_seen(source: str, wanted: set[str]) -> None:
    assert private_names(source) == wanted


def test_private_names_of_torch_and_lightning_have_one_home() -> None:
    using = [path for path in rooms() if {each.partition(".")[0] for each in imports(path)} & {*OF_THEIRS}]
    for path in using:
        name = path.relative_to(SOURCE).as_posix()
        if name != "training/lightning_internals.py":
            found = private_names(path.read_text(encoding="utf-8"), made_by_us())
            assert found <= PRIVATE.get(name, set()), name


def test_nothing_is_patched_by_an_import() -> None:
    """A module sets no attribute of another one while it is imported."""
    for path in rooms():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            (alias.asname or alias.name).partition(".")[0]
            for node in nodes(path)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        for node in tree.body:
            for target in node.targets if isinstance(node, ast.Assign) else []:
                root = target
                while isinstance(root, ast.Attribute):
                    root = root.value
                assert not (root is not target and isinstance(root, ast.Name) and root.id in imported), (
                    f"{path.relative_to(SOURCE)} sets {ast.unparse(target)}"
                )


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
        return [ROOT / inside / f"{name}.md", ROOT / inside / name]
    if top == "bench":
        return [ROOT / inside / f"{name}.py", ROOT / name]
    if top == "support":
        return [TESTS / inside / f"{name}.py"]
    return about


def named(file: str) -> str:
    return file.partition(".")[0].lower()


# About a whole folder: the source, the repository, the pages that run from top to bottom.
OF_A_FOLDER = {
    *("unit/test_layering.py", "unit/test_repository.py"),
    *("unit/docs/test_guides.py", "system/docs/test_guides.py"),
}


@pytest.mark.parametrize("tier", MIRRORING)
def test_a_test_mirrors_what_it_is_about(tier: str) -> None:
    for path in (TESTS / tier).rglob("test_*.py"):
        if path.relative_to(TESTS).as_posix() not in OF_A_FOLDER:
            found = counterparts(path)
            assert any(each.exists() for each in found), f"{path} is about none of {[*map(str, found)]}"


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
