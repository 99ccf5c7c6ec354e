"""A disk cache of tensors computed from a data set, keyed by a fingerprint of everything they depend on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from netyard.errors import ArgumentError, first_line
from netyard.io import safe_load
from netyard.io.atomic import open_atomically

SCHEMA = 1  # raise it when the format of the file changes: files of another schema are computed again

log = logging.getLogger(__name__)


def cached(folder: str | Path, key: str, compute: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of ``<folder>/<key>.pt``, or those of ``compute`` if there is no such file; on the CPU.

    ``cached(folder, fingerprint(...), lambda: {"mean": mean, "covariance": covariance})``.

    If several processes need the same key at once, the first computes and the others wait for it, so ``compute`` must
    not wait for the others (no collective operation). A file that cannot be read is replaced; if the folder cannot be
    written to, every run computes the tensors again. Both cases log a warning and do not end the run.

    Raises:
        ArgumentError: ``compute`` returned NaN or infinity, which is not written.
    """
    path = Path(folder).expanduser() / f"{key}.pt"
    # First without the lock: the usual case needs no write access to the folder.
    tensors, _ = _read(path, key)
    if tensors is not None:
        return tensors
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_name(f".{path.name}.lock")))
        except (OSError, NotImplementedError) as error:  # read-only, or a file system without locks
            log.warning("%s cannot be locked (%s); other runs may compute it at the same time", path, error)
        # Read again under the lock: another process may have written the file while this one waited.
        tensors, fault = _read(path, key)
        if tensors is None:
            if fault:
                log.warning("%s cannot be used (%s); it is computed anew", path, fault)
            # clone() because torch.save writes the whole storage of a view.
            tensors = {name: tensor.detach().cpu().clone() for name, tensor in compute().items()}
            _check_finite(tensors)
            try:
                # Atomic: without a lock, two processes may write at the same time.
                with open_atomically(path, "wb") as file:
                    torch.save({"schema": SCHEMA, "key": key, "tensors": tensors}, file)
            except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
                log.warning("%s cannot be written (%s); its contents are computed anew in every run", path, error)
    return tensors


def _read(path: Path, key: str) -> tuple[dict[str, Tensor] | None, str]:
    """Return the tensors of a file and "", or None and why they cannot be used; "" too if there is no file."""
    try:
        if not path.exists():
            return None, ""
        content = safe_load.load(path)
        if (content["schema"], content["key"]) != (SCHEMA, key):
            raise ValueError("its schema or key differs")
        tensors = dict(content["tensors"])
        if not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
            raise ValueError("it holds values that are not tensors")
        _check_finite(tensors)
    except safe_load.UNREADABLE as error:  # includes the ValueErrors above; ArgumentError is one, too
        return None, first_line(error)
    return tensors, ""


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ArgumentError(
                f"{name} of the real set holds NaN or infinity;",
                "every value must be finite;",
                "try another classifier.",
            )
