"""What libraries say and what people mistype, each answered by one message."""

from __future__ import annotations

import random
import re
import sys
import types
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import pytest
import torch
from hydra.errors import InstantiationException

import netyard.data.tables
from netyard.cli import error_messages
from netyard.cli.failure import failed
from netyard.config import allowlist
from netyard.config.instantiate import build
from netyard.errors import ConfigError, LostPeer, PlatformError
from netyard.models.mlp import MLP
from support.typos import GRAMMAR, fault, mistakes, quickened


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (MemoryError(), PlatformError, "not enough memory: MemoryError, after "),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), PlatformError, "data.batch_size"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried"), PlatformError, "not enough memory: CUDA"),
        (OSError(11, "Resource temporarily unavailable"), PlatformError, "ulimit"),
        (OSError(24, "Too many open files", "x.png"), PlatformError, "x.png: Too many open files"),
        (OSError(28, "No space left on device"), PlatformError, "the disk is full"),
        (OSError(5, "Input/output error", "a"), PlatformError, "a: Input/output error"),
        (RuntimeError("Could not determine home directory."), PlatformError, "set HOME"),
        (RuntimeError("Connection closed by peer [127.0.0.1]:1"), LostPeer, "another process"),
        (RuntimeError("what no library says"), type(None), "None"),
        (FileNotFoundError(2, "No such file", "x"), type(None), "None"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_libraries_say_of_the_machine_is_understood(error: Exception, kind: type, said: str) -> None:
    found = error_messages.explain(error)
    assert isinstance(found, kind) and said in str(found)


@pytest.mark.parametrize(("kind", "times"), [("options", 18), ("keys", 5), ("values", 4)])
def test_a_mistake_is_named_in_one_message(train, rng: random.Random, monkeypatch, kind: str, times: int) -> None:
    quickened(monkeypatch)
    faults = [fault(train, text, named) for text, named in islice(mistakes(kind, rng), times)]
    assert faults == [""] * times


def test_what_hydra_cannot_read_is_one_message(train, rng: random.Random, monkeypatch) -> None:
    quickened(monkeypatch)
    assert [fault(train, text, "") for text in rng.sample(GRAMMAR, 3)] == [""] * 3


BUGS: dict[str, Callable[[], object]] = {
    "ValueError": lambda: list(zip([1], [1, 2], strict=True)),
    "KeyError": lambda: {}["x"],
    "IndexError": lambda: [][1],
    "AssertionError": lambda: torch.testing.assert_close(1, 2),
    "TypeError": lambda: 1 + "1",  # type: ignore[operator]
    "AttributeError": lambda: None.shape,  # type: ignore[attr-defined]
}


def in_module(name: str, code: str) -> dict[str, object]:
    """The names of a module with this code, as if it were installed under that name."""
    module = types.ModuleType(name)
    exec(code, module.__dict__)
    return module.__dict__


def raised(call: Callable[[], object]) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


FAILING = """
def bug(fault):
    return fault()

class Net:
    def __init__(self, size=1, fault=None):
        if fault:
            fault()
"""


@pytest.mark.parametrize("kind", BUGS)
def test_whatever_fails_in_netyard_without_words_of_its_own_is_a_bug(kind: str, capsys) -> None:
    """Code 1, the traceback, and that it is to be reported: also where Python's own ``ValueError`` was raised."""
    bug = in_module("netyard.models.imagined", FAILING)["bug"]
    error = raised(lambda: bug(BUGS[kind]))  # type: ignore[operator]
    assert type(error).__name__ == kind and error_messages.explain(error) is None
    assert failed(error, []) == 1
    said = capsys.readouterr().err
    assert "Traceback (most recent call last)" in said and kind in said
    assert (
        said.splitlines()[-1] == "error: a bug in netyard, not in your command; please report it with the lines above."
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import onnxscript_of_nobody",
            "onnxscript_of_nobody cannot be imported: .* type pip install onnxscript_of_nobody.",
        ),
        ("import half_there", "libhalf.so: .* type pip install --force-reinstall half_there."),
        ("from empty_folder import ModelProto", "empty_folder cannot be imported: cannot import name"),
        ("import uses_half_there", "half_there cannot be imported: libhalf.so"),
    ],
)
def test_a_package_that_is_missing_or_incomplete_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, said: str
) -> None:
    (tmp_path / "half_there.py").write_text("raise ImportError('libhalf.so: cannot open shared object file')")
    (tmp_path / "uses_half_there.py").write_text("import half_there")
    (tmp_path / "empty_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    load = in_module("netyard.export.imagined", f"def load():\n    {code}")["load"]
    found = error_messages.explain(raised(load))  # type: ignore[arg-type]
    assert isinstance(found, PlatformError) and re.search(said, str(found)), found


def test_a_class_of_ours_whose_library_is_broken_names_the_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sklearn.py").write_text("raise ImportError('libgomp.so: cannot open shared object file')")
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "netyard.data.tables.scikit", raising=False)
    monkeypatch.delattr(netyard.data.tables, "scikit", raising=False)  # an earlier test may have imported it
    monkeypatch.syspath_prepend(tmp_path)
    error = raised(lambda: build({"_target_": "netyard.data.tables.scikit.ScikitData", "dataset": "iris"}))
    found = error_messages.explain(error)
    assert isinstance(found, PlatformError) and str(found).startswith("sklearn cannot be imported: libgomp.so"), found


def test_an_import_of_netyards_own_that_fails_is_a_bug() -> None:
    load = in_module("netyard.export.imagined", "def load():\n    from netyard.errors import nothing")["load"]
    assert error_messages.explain(raised(load)) is None  # type: ignore[arg-type]


def test_a_class_whose_package_is_missing_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a logger of Lightning: its error has the name in the text alone."""

    def refuse(*_: object, **__: object) -> None:
        raise ModuleNotFoundError(
            "Requirement 'wandb>=0.12.10' not met. HINT: Try running `pip install -U 'wandb>=0.12.10'`"
        )

    monkeypatch.setattr(torch.optim.SGD, "__init__", refuse)
    found = error_messages.explain(raised(lambda: build({"_target_": "torch.optim.SGD"})))
    assert isinstance(found, PlatformError) and str(found).endswith("type pip install wandb.")


def test_an_argument_that_netyard_refuses_is_one_line_and_code_2(capsys) -> None:
    error = raised(lambda: MLP([4], 2, dropout=1.5))
    assert isinstance(error, ValueError) and failed(error, []) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: dropout is 1.5; ") and said.count("\n") == 1


@pytest.mark.parametrize("kind", BUGS)
def test_a_bug_in_a_constructor_of_ours_is_one_too(kind: str, monkeypatch) -> None:
    monkeypatch.setattr(MLP, "__init__", lambda self, **given: BUGS[kind]())
    monkeypatch.setitem(MLP.__init__.__globals__, "__name__", "netyard.models.mlp")
    error = raised(lambda: build({"_target_": "netyard.models.mlp.MLP", "input_shape": [4], "num_outputs": 2}))
    assert isinstance(error, InstantiationException) and error_messages.explain(error) is None


def test_a_key_that_is_no_parameter_is_the_users_mistake() -> None:
    error = raised(lambda: build({"_target_": "netyard.models.mlp.MLP", "depth": 3}))
    said = error_messages.explain(error)
    assert isinstance(said, ConfigError) and "cannot be built" in str(said) and "depth" in str(said)


def test_what_a_librarys_constructor_refuses_is_the_users_mistake() -> None:
    error = raised(lambda: build({"_target_": "torch.optim.SGD", "lr": -7.0}, params=[torch.zeros(1)]))
    said = error_messages.explain(error)
    assert (
        isinstance(said, ConfigError)
        and "torch.optim.sgd.SGD" in str(said)
        and "Invalid learning rate: -7" in str(said)
    )


@pytest.fixture
def stranger(monkeypatch) -> Iterator[types.ModuleType]:
    """A module that the user has allowed, outside of netyard."""
    module = types.ModuleType("strange_nets")
    exec(FAILING, module.__dict__)
    monkeypatch.setitem(sys.modules, "strange_nets", module)
    allowlist.allow(["strange_nets.Net"])
    yield module
    allowlist.allow([])


@pytest.mark.parametrize("kind", BUGS)
def test_a_failure_in_code_that_the_user_brought_is_theirs_and_shown_whole(kind: str, stranger, capsys) -> None:
    """In its constructor and later: code 2, for code 1 is a bug of ours, with the traceback and whose code it is."""
    built = raised(lambda: stranger.Net(fault=BUGS[kind]))
    wrapped = InstantiationException("Error in call to target 'strange_nets.Net':\n...")
    wrapped.__cause__ = built
    for error in (built, wrapped):
        assert failed(error, []) == 2
        said = capsys.readouterr().err
        assert "Traceback (most recent call last)" in said
        last = said.splitlines()[-1]
        assert last.startswith("error: strange_nets") and kind in last and "not netyard's" in last


def test_a_key_that_a_strangers_class_does_not_take_is_one_line(stranger, capsys) -> None:
    assert failed(raised(lambda: build({"_target_": "strange_nets.Net", "depth": 3})), []) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "depth" in said


def test_a_stranger_that_calls_netyard_does_not_answer_for_netyards_bug(stranger) -> None:
    bug = in_module("netyard.layers.imagined", FAILING)["bug"]
    error = raised(lambda: stranger.Net(fault=lambda: bug(lambda: [][1])))  # type: ignore[operator]
    assert error_messages.explain(error) is None
    refused = raised(lambda: stranger.Net(fault=lambda: MLP([0], 2)))
    assert error_messages.explain(refused) is refused
