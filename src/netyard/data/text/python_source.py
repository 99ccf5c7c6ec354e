"""A text that every machine has: the source of the interpreter's own standard library."""

from __future__ import annotations

import hashlib
import os
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from netyard.data.core.splits import TEST_SEED
from netyard.data.text.text_file import ContinuousText
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Count

# Packages that were installed beside it, tests, and tables that a program has written.
_FOREIGN = frozenset(
    ("site-packages", "dist-packages", "test", "tests", "idle_test", "encodings", "pydoc_data", "__pycache__")
)
_TABLES = ("_sysconfigdata", "entities.py")


@dataclass(kw_only=True, eq=False, repr=False)
class PythonSource(ContinuousText):
    """Python code for language modelling: each file lies whole in one part, by a hash of its path within the library.

    So a file stays in its part whatever ``max_characters`` is. The text is that of the running interpreter, and scores
    compare between runs of one version of it.

    Raises:
        ConfigError: ``max_characters`` is below 1.
        DataError: the interpreter came without its source, or ``max_characters`` leaves a part without a file.
    """

    max_characters: Count | None = 1_000_000
    """Of all parts together, each of which gets its share, in whole files. None: everything."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.max_characters is not None and self.max_characters < 1:
            raise ConfigError(
                f"data.max_characters is {self.max_characters};",
                "it must be at least 1, or null for all;",
                "try data.max_characters=1000000.",
            )
        self.files: dict[str, list[str]] = {}

    def texts(self) -> dict[str, str]:
        root = Path(sysconfig.get_path("stdlib"))
        paths = source_files(root)
        rest = 1 - self.test_fraction
        shares = {"train": rest * (1 - self.val_fraction), "val": rest * self.val_fraction, "test": self.test_fraction}
        texts = {}
        for part, share in shares.items():
            limit = None if self.max_characters is None else self.max_characters * share
            chosen = self._choose(root, [path for path in paths if self._part(path) == part], limit)
            if not chosen:
                raise DataError(
                    f"no file of {root} is left for the {part} part;",
                    f"it takes whole files of Python, and the library has {len(paths)};",
                    "try data.max_characters=1000000.",
                )
            self.files[part] = sorted(chosen)
            texts[part] = "\n".join(chosen[path] for path in self.files[part])
        return texts

    def _part(self, path: str) -> str:
        if _fraction(f"{TEST_SEED} test {path}") < self.test_fraction:
            return "test"
        return "val" if _fraction(f"{self.split_seed} val {path}") < self.val_fraction else "train"

    def _choose(self, root: Path, paths: list[str], limit: float | None) -> dict[str, str]:
        """A part's files and their texts: in the order of a hash, each that there is still room for."""
        chosen: dict[str, str] = {}
        size = 0
        for path in sorted(paths, key=lambda path: _fraction(f"order {path}")):
            text = (root / path).read_text(encoding="utf-8", errors="replace")
            if limit is not None and size + len(text) > limit:
                continue
            chosen[path] = text
            size += len(text)
        return chosen


def source_files(root: Path) -> list[str]:
    """The paths of a library's own modules below its folder, with slashes, sorted."""
    found = []
    for folder, subfolders, names in os.walk(root):
        # In place, so that the walk never enters them: packages may be a hundred thousand files.
        subfolders[:] = [name for name in subfolders if name not in _FOREIGN]
        for name in names:
            if name.endswith(".py") and not name.startswith(_TABLES):
                found.append((Path(folder) / name).relative_to(root).as_posix())
    return sorted(found)


def _fraction(text: str) -> float:
    """A hash in [0, 1), the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
