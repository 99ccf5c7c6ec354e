"""Writes packages that extend netyard into a folder, as pip installs them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

NET = """
from torch import nn


class Net(nn.Module):
    def __init__(self, num_outputs, input_shape):
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.LazyLinear(num_outputs))

    def forward(self, x):
        return self.layers(x)

    @classmethod
    def small(cls):
        return cls(2, [1])


def build(**arguments):
    return Net(**arguments)
"""
NODE = "_target_: {name}.net.Net\nnum_outputs: ${{task.num_outputs}}\ninput_shape: ${{data.input_shape}}\n"
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """``install("a_package", {"conf/model/a_net.yaml": "..."})``: a package with these files, and where it is.

    Without files it has a network, ``model=a_package_net``. ``entry`` is the line of its entry point.
    """

    def write(name: str, files: Mapping[str, str | bytes] | None = None, entry: str | None = None) -> Path:
        site = tmp_path / f"site_{name}"
        if files is None:
            files = {"net.py": NET, f"conf/model/{name}_net.yaml": f"# A network of {name}.\n{NODE.format(name=name)}"}
        for inside, content in {"__init__.py": "", **files}.items():
            path = site / name / inside
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        about = site / f"{name}-1.2.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n", encoding="utf-8")
        text = f"[console_scripts]\nx = y:z\n\n[netyard]\n{name + ' = ' + name if entry is None else entry}\n"
        (about / "entry_points.txt").write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(str(site))
        return site / name

    before = set(sys.modules)
    yield write
    # What is imported stays to Python the package of that name, wherever the next test writes another.
    for name in set(sys.modules) - before:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
