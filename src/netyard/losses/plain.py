"""The plain form of a loss: without what is only there for training, as class weights and label smoothing."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

_TORCH = "torch.nn.modules.loss"
# Attributes of losses of torch, and their values without weights and smoothing.
_PLAIN: dict[str, Any] = {"weight": None, "pos_weight": None, "label_smoothing": 0.0}


@runtime_checkable
class HasPlainForm(Protocol):
    """A loss that says itself what is left of it without class weights and smoothing."""

    def plain(self) -> nn.Module | None:
        """Return the plain form; None if the loss has no weights and no smoothing."""


def plain(loss: nn.Module) -> nn.Module | None:
    """Return a loss without class weights and label smoothing, on its device; None if it has neither.

    Known are the losses of torch and their subclasses, losses with a ``smoothing`` and a ``confidence`` (timm's), and
    those with a method ``plain``. Any other loss is taken for plain.
    """
    if isinstance(loss, HasPlainForm):
        return loss.plain()
    known = _PLAIN if any(each.__module__ == _TORCH for each in type(loss).__mro__) else {}
    changed = {name: value for name, value in known.items() if _is_set(getattr(loss, name, None))}
    if _is_set(getattr(loss, "smoothing", None)) and hasattr(loss, "confidence"):
        changed = {"smoothing": 0.0, "confidence": 1.0}
    if not changed:
        return None
    made = deepcopy(loss)
    for name, value in changed.items():
        setattr(made, name, value)
    return made


def _is_set(value: Any) -> bool:
    return isinstance(value, Tensor) or bool(value)
