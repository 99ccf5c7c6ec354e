"""A folder of JSON files with what was computed of a data set, each named by the fingerprint of what it depends on."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from filelock import FileLock

from netyard.io.atomic import write_atomically

SCHEMA = 2  # raised when the format of the files changes

log = logging.getLogger(__name__)


def folder() -> Path:
    """The folder of baselines below that of data sets."""
    return Path(os.environ.get("NETYARD_DATA") or "~/.cache/netyard").expanduser() / "baselines"


def cached(place: Path, key: str, compute: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    """Return the content of ``<place>/<key>.json``, or what ``compute`` returns if there is no such file.

    Of several processes that need the same key the first one computes and the others wait. A file that cannot be read
    is replaced; where nothing can be written every run computes it again.
    """
    path = place / f"{key}.json"
    found = _read(path, key)
    if found is not None:
        return found
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_name(f".{path.name}.lock")))
        except (OSError, NotImplementedError) as error:  # read-only, or a file system without locks
            log.debug("%s cannot be locked (%s)", path, error)
        # Another process may have written the file while this one waited for the lock.
        found = _read(path, key)
        if found is None:
            found = dict(compute())
            try:
                write_atomically(path, json.dumps({"schema": SCHEMA, "key": key, "found": found}), sync=False)
            except OSError as error:
                log.warning("%s cannot be written (%s); baselines are computed anew in every run", path, error)
    return found


def _read(path: Path, key: str) -> dict[str, Any] | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if (content["schema"], content["key"]) == (SCHEMA, key) and isinstance(content["found"], dict):
            return content["found"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass  # there is none, or it is damaged: it is computed and written again
    return None
