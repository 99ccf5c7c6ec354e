"""Configs and pickles that would run code: refused, and the interpreter's own audit saw that nothing was."""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netyard import cli, targets
from netyard.build import build
from netyard.errors import ConfigError
from support.hostile_payloads import pickles

RUN = ("model=mlp_tiny", "data=iris", "trainer=cpu", "trainer.max_epochs=1", "logger=none")
EVENTS = ("exec", "import", "open", "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "code.", "compile", "pty.")
HARMLESS = ("os.listdir", "os.scandir")  # a folder is looked through for manifests
_seen: list[tuple[str, Any]] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is not None and event.startswith(EVENTS) and event not in HARMLESS:
        _seen.append((event, arguments[:1]))


@pytest.fixture(scope="module", autouse=True)
def audited() -> None:
    import encodings.cp437  # noqa: F401  (by which zipfile reads old names)

    targets.offered()  # reads conf/ once
    sys.addaudithook(_audit)  # stays for the life of the process, and is idle but for ``watched``


@contextlib.contextmanager
def watched() -> Iterator[list[tuple[str, Any]]]:
    """What happens inside that running code would bring about."""
    global _seen
    _seen = seen = []
    try:
        yield seen
    finally:
        _seen = None


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "canary"


def test_the_audit_would_see_it(canary: Path) -> None:
    stream = next(pickles("builtins.open", [str(canary), "w"]))
    with watched() as seen:
        pickle.loads(stream).close()
    assert ("open", (str(canary),)) in seen and canary.exists()
    targets.allow(["os.mkdir"])
    with watched() as seen, contextlib.suppress(Exception):  # Hydra's own list knows this one
        build({"_target_": "importlib.import_module", "_args_": ["antigravity"]})
    assert not seen
    targets.allow(["pathlib.Path"])
    assert isinstance(build({"_target_": "pathlib.Path", "_args_": ["x"]}), Path), "what is allowed is built"
    targets.allow([])


INTERPOLATIONS = [
    {"net": "${oc.create:'{_target_: os.system, _args_: [touch canary]}'}"},
    {"net": "\\${oc.create:'{_target_: os.system, _args_: [touch canary]}'}"},
    {"net": "${x}", "x": {"_target_": "os.system", "_args_": ["touch canary"]}},
    {"net": ["${oc.decode:'{_target_: os.system}'}"]},
    {"net": "${oc.env:HOME}"},
    {"net": "${unclaimed:canary}"},
]


@pytest.mark.parametrize("keys", INTERPOLATIONS)
def test_a_recorded_config_is_followed_nowhere(canary: Path, keys: dict[str, Any]) -> None:
    node = {"_target_": "netyard.models.mlp.MLP", **keys}
    with watched() as seen, pytest.raises(ConfigError):
        build(node)
    assert not seen and not canary.exists()


@pytest.mark.parametrize(
    "words", [["--allow-target"], ["--allow-target="], ["--allow-target=os.*"], ["--allow-target", "a b"]]
)
def test_the_flag_takes_one_name(train, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    ran = train(*RUN, *words)
    assert ran.code == 2 and "try --allow-target my_package" in ran.err
    assert cli.main(["evaluate", "run=x", *words]) == 2
    assert "try --allow-target my_package" in capsys.readouterr().err
