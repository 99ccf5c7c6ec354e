"""A disk cache of statistics of a real set, keyed by a fingerprint of everything they depend on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor

from netyard.errors import ArgumentError
from netyard.io import safe_load
from netyard.io.atomic import whole

SCHEMA = 1

log = logging.getLogger(__name__)


def cached(folder: str | Path, key: str, compute: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """What ``compute`` returns, from ``<folder>/<key>.pt`` when it is there; tensors on the CPU.

    ``cached(folder, fingerprint(...), lambda: {"mean": mean, "covariance": covariance})``.

    Of several processes that ask at once the first computes and the others wait, so ``compute`` must not wait for them.
    A broken or foreign file is replaced, and a folder that cannot be written to costs the next run a computation: both
    are logged as warnings, and neither stops a run.

    Raises:
        ArgumentError: ``compute`` made NaN or infinity, which are not kept.
    """
    path = Path(folder).expanduser() / f"{key}.pt"
    tensors, _ = _read(path, key)
    if tensors is not None:
        return tensors
    with ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(FileLock(path.with_name(f".{path.name}.lock")))
        except (OSError, NotImplementedError) as error:  # read-only, or a file system without locks
            log.warning("%s cannot be locked (%s); other runs may compute it at the same time", path, error)
        # Another process may have written it while this one waited.
        tensors, fault = _read(path, key)
        if tensors is None:
            if fault:
                log.warning("%s is not what netyard wrote there (%s); it is computed anew", path, fault)
            tensors = {name: tensor.detach().cpu().clone() for name, tensor in compute().items()}
            _check_finite(tensors)
            try:
                with whole(path, "wb") as file:
                    torch.save({"schema": SCHEMA, "key": key, "tensors": tensors}, file)
            except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
                log.warning("%s cannot be written (%s); its contents are computed anew in every run", path, error)
    return tensors


def _read(path: Path, key: str) -> tuple[dict[str, Tensor] | None, str]:
    """The tensors of a file, or None and what is wrong with it; nothing is wrong with a file that is not there."""
    try:
        if not path.exists():
            return None, ""
        content = safe_load.load(path)
        if (content["schema"], content["key"]) != (SCHEMA, key):
            raise ValueError("it is of another schema or key")
        tensors = dict(content["tensors"])
        if not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
            raise ValueError("it holds other things than tensors")
        _check_finite(tensors)
    except safe_load.UNREADABLE as error:
        return None, (str(error) or type(error).__name__).splitlines()[0]
    return tensors, ""


def _check_finite(tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ArgumentError(
                f"{name} of the real set holds NaN or infinity;",
                "every value must be finite;",
                "try another classifier.",
            )
