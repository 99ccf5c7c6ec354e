"""A text that is on every machine: the source code of Python's standard library."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from netyard.data.core.splits import TEST_SEED
from netyard.data.text.text_file import ContinuousText
from netyard.errors import DataError
from netyard.ranges.bounds import Count

# Folders that are not read: installed packages differ between machines, tests between distributions (some leave them
# out), and encodings are generated tables.
_EXCLUDED_FOLDERS = frozenset(
    ("site-packages", "dist-packages", "test", "tests", "idle_test", "encodings", "pydoc_data", "__pycache__")
)
_EXCLUDED_PREFIXES = ("_sysconfigdata", "entities.py")  # generated tables, too


@dataclass(kw_only=True, eq=False, repr=False)
class PythonSource(ContinuousText):
    """Python code for language modelling: a hash of a file's path within the library decides its split.

    A file is in the same split for every ``max_characters``. The text is that of the running interpreter: scores are
    comparable between runs with the same version of Python.

    Raises:
        ConfigError: ``max_characters`` is below 1.
        DataError: the interpreter has no source files, or ``max_characters`` is too small for a file in each split.
    """

    max_characters: Count | None = 1_000_000
    """Size of all splits together, in whole files, divided by their fractions. None: all files."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.files: dict[str, list[str]] = {}

    def texts(self) -> dict[str, str]:
        root = Path(sysconfig.get_path("stdlib"))
        paths = source_files(root)
        rest = 1 - self.test_fraction  # val_fraction is a fraction of what the test split leaves
        fractions = {
            "train": rest * (1 - self.val_fraction),
            "val": rest * self.val_fraction,
            "test": self.test_fraction,
        }
        texts = {}
        for name, fraction in fractions.items():
            if not fraction:
                continue
            limit = None if self.max_characters is None else self.max_characters * fraction
            chosen = self._choose(root, [path for path in paths if self._split_of(path) == name], limit)
            if not chosen:
                raise DataError(
                    f"no file of {root} is left for the {name} split;",
                    f"a split consists of whole Python files, and the library has {len(paths)};",
                    "try data.max_characters=1000000.",
                )
            self.files[name] = sorted(chosen)
            self.sources[name] = f"{len(chosen)} files of Python's standard library"
            texts[name] = "\n".join(chosen[path] for path in self.files[name])
        return texts

    def _split_of(self, path: str) -> str:
        # Whole files: a language model would know the names of a file of which it has seen another part.
        # TEST_SEED is fixed, so that the test split, hence the score, does not depend on ``split_seed``.
        if _hash_fraction(f"{TEST_SEED} test {path}") < self.test_fraction:
            return "test"
        return "val" if _hash_fraction(f"{self.split_seed} val {path}") < self.val_fraction else "train"

    def _choose(self, root: Path, paths: list[str], limit: float | None) -> dict[str, str]:
        """Files of a split and their texts: in the order of a hash, every file that fits into the limit."""
        chosen: dict[str, str] = {}
        size = 0
        # Not in alphabetical order: the modules of one package would make up the whole split.
        for path in sorted(paths, key=lambda path: _hash_fraction(f"order {path}")):
            # errors="replace": a few files of the library are in other encodings.
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            if limit is not None and size + len(text) > limit:
                continue
            chosen[path] = text
            size += len(text)
        return chosen


def source_files(root: Path) -> list[str]:
    """The paths of the modules of a library relative to its folder, with slashes, sorted."""
    found = []
    for folder, subfolders, names in os.walk(root):
        # In place, so that os.walk does not enter them: installed packages may have a hundred thousand files.
        subfolders[:] = [name for name in subfolders if name not in _EXCLUDED_FOLDERS]
        for name in names:
            if name.endswith(".py") and not name.startswith(_EXCLUDED_PREFIXES):
                found.append((Path(folder) / name).relative_to(root).as_posix())  # the same hash on Windows
    return sorted(found)


def _hash_fraction(text: str) -> float:
    """A hash of a text in [0, 1), the same on every machine (Python's ``hash`` differs in every process)."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
