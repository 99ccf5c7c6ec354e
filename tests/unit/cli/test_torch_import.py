"""What is imported for good is not looked through for garbage."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
import torch

from netyard.cli import torch_import
from netyard.errors import PlatformError


@pytest.fixture
def asleep(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("asleep")
def test_nothing_is_collected_while_torch_wakes_and_all_of_it_stays() -> None:
    with torch_import.torch():
        assert not gc.isenabled()
        made = [[number] for number in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= len(made)
    assert not any(each is made for each in gc.get_objects())


@pytest.mark.usefixtures("asleep")
def test_an_import_that_fails_leaves_the_collection_on() -> None:
    with pytest.raises(PlatformError), torch_import.torch():
        importlib.import_module("a_package_that_is_not_there")
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('operator torchvision::nms does not exist')", "operator torchvision::nms does not exist"),
        ("import a_library_that_is_not_there", "No module named 'a_library_that_is_not_there'"),
        ("raise OSError('libcudart.so.13: cannot open shared object file')", "libcudart.so.13"),
    ],
)
def test_a_package_that_cannot_be_imported_is_named_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    (tmp_path / "half_installed.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PlatformError) as refused, torch_import.torch():
        importlib.import_module("half_installed")
    assert said in str(refused.value) and "pip install" in str(refused.value) and refused.value.exit_code == 5


def test_a_torchvision_for_another_torch_names_the_versions() -> None:
    error = torch_import.unusable("torchvision", RuntimeError("operator torchvision::nms does not exist"))
    assert f"installed are torch {version('torch')}, torchvision " in str(error)
    assert str(error).endswith("type pip install --force-reinstall torch torchvision, with one index for both.")


@pytest.mark.parametrize(
    ("package", "command"), [("onnx", "'netyard[export]'"), ("torch_fidelity", "'netyard[inception]'")]
)
def test_a_package_of_an_extra_names_the_extra(package: str, command: str) -> None:
    absent = ModuleNotFoundError(f"No module named {package!r}", name=package)
    assert str(torch_import.unusable(package, absent)).endswith(f"type pip install {command}.")
    broken = ImportError("cannot import name 'x'")
    assert str(torch_import.unusable(package, broken)).endswith(f"type pip install --force-reinstall {command}.")


@pytest.mark.parametrize(("package", "name"), [("sklearn", "scikit-learn"), ("PIL", "pillow"), ("timm", "timm")])
def test_a_package_has_its_name_for_pip(monkeypatch: pytest.MonkeyPatch, package: str, name: str) -> None:
    broken = ImportError("libgomp.so")
    assert str(torch_import.unusable(package, broken)).endswith(f"type pip install --force-reinstall {name}.")
    monkeypatch.setattr(torch_import, "packages_distributions", dict)  # it is not there at all
    absent = ModuleNotFoundError(f"No module named {package!r}", name=package)
    assert str(torch_import.unusable(package, absent)).endswith(f"type pip install {name}.")


def test_the_package_that_does_not_fit_is_named_and_not_what_imports_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imports_it.py").write_text("import does_not_fit")
    (tmp_path / "does_not_fit.py").write_text("import torch\ntorch.library.register_fake('no_such::operator')(print)")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(PlatformError, match=r"^does_not_fit cannot be imported: "), torch_import.torch():
        importlib.import_module("imports_it")


def test_an_import_of_netyard_that_fails_is_a_bug() -> None:
    with pytest.raises(ModuleNotFoundError), torch_import.torch():
        importlib.import_module("netyard.nowhere")


def test_torch_awake_is_left_alone() -> None:
    """Jobs may share a process: what one has left behind must not stay for good."""
    assert sys.modules["torch"] is torch
    frozen = gc.get_freeze_count()
    with torch_import.torch():
        assert gc.isenabled()
    assert gc.get_freeze_count() == frozen
