"""A virtual environment with netyard and a third-party package installed from wheels, without a checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 300  # seconds


class FreshEnvironment:
    """Python as after ``pip install netyard``, without a network.

    What netyard depends on is taken from the environment of the tests by a .pth file, whose own .pth files Python does
    not follow: an editable netyard there is not found.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.cwd = folder / "environment", folder / "somewhere"
        self.cwd.mkdir(parents=True)
        self._run(sys.executable, "-m", "venv", "--without-pip", str(self.folder))
        self.python = self.folder / "bin" / "python"
        inside = sysconfig.get_path("purelib", vars={"base": str(self.folder), "platbase": str(self.folder)})
        outside = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (Path(inside) / "outside.pth").write_text("\n".join(outside), encoding="utf-8")

    def install(self, *projects: Path) -> None:
        """Build a wheel of each project, and install it."""
        wheels = self.folder / "wheels"
        for project in projects:
            self._run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(wheels), cwd=project)
        found = map(str, wheels.glob("*.whl"))
        alone = ("--no-deps", "--no-index", "--no-compile", "--quiet", "--disable-pip-version-check")
        self._run(
            *(sys.executable, "-m", "pip", "--python", str(self.python), "install", "--ignore-installed"),
            *alone,
            *found,
        )

    def netyard(self, *words: str, code: int = 0) -> str:
        """The command ``netyard`` of this environment; what it said on both streams."""
        return self._run(str(self.folder / "bin" / "netyard"), *words, code=code)

    def run(self, *words: str, code: int = 0, cwd: Path | None = None) -> str:
        """``python WORDS``."""
        return self._run(str(self.python), *words, code=code, cwd=cwd)

    def _run(self, *words: str, code: int = 0, cwd: Path | None = None) -> str:
        # What builds is of the tests' environment, and may be anywhere on its path.
        dropped = () if words[0] == sys.executable else ("PYTHONPATH", "VIRTUAL_ENV")
        kept = {key: value for key, value in os.environ.items() if key not in dropped}
        ran = subprocess.run(
            words,
            cwd=cwd or self.cwd,
            env={**kept, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "COLUMNS": "200"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert ran.returncode == code, f"{words} ended with {ran.returncode}\n{ran.stdout}"
        return ran.stdout
