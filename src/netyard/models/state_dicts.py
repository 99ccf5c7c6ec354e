"""Find the weights of a network in the content of a file, whatever they are wrapped in.

Training loops save a state dict bare, or below ``model``, ``state_dict``, ``net`` and other keys, also nested, and its
names get prefixes from what the network was wrapped in: ``module.`` (DDP), ``_orig_mod.`` (torch.compile), the
attribute of a LightningModule. No list of these keys is needed: the weights are where the most names, without a common
prefix, are those of the network.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

StateDict = dict[str, Tensor]

MAX_DEPTH = 8  # of mappings in mappings
# Components of names that torch adds to wrapped modules, wherever they stand.
_WRAPPERS = frozenset({"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
# Of a key or a prefix: a moving average of the weights, which generalises better than the weights.
_AVERAGED = re.compile(r"(^|[._])(ema|averaged?|shadow|swa|teacher)([._]|$)", re.IGNORECASE)


@dataclass(frozen=True)
class Found:
    """Weights in a file, under the names of the network as far as it has them."""

    state: StateDict
    place: str
    """The keys that lead to them: ``checkpoint.model``; empty for a bare state dict."""
    prefix: str
    """What was removed from the beginning of each name."""
    averaged: bool
    """Whether they are a moving average of weights."""
    num_fitting: int
    """Tensors with the name and the shape of one of the network."""
    num_named: int
    """Tensors with the name of one of the network."""

    def described(self) -> str:
        """Where the weights were found, for the log."""
        place = f" below {self.place}" if self.place else ""
        prefix = f", without the prefix {self.prefix}" if self.prefix else ""
        return f"{len(self.state)} tensors{place}{prefix}{', a moving average of weights' * self.averaged}"


def find(content: Any, network: nn.Module) -> Found | None:
    """Return the weights in the content of a file that fit a network best; None if it holds no tensors by name.

    Of several state dicts that fit equally, a moving average of weights is returned: ``model_ema``, ``ema``,
    ``state_dict_ema``. If it consists of parameters only, the buffers come from the weights beside it.
    """
    own = network.state_dict()
    names = frozenset(own)
    buffers = names - {name for name, _ in network.named_parameters(remove_duplicate=False)}
    found = [_unwrapped(state, ".".join(place), own, names) for place, state in _state_dicts(content, ())]
    # Lightning keeps an average under ``state_dict``, and the weights under another key.
    if isinstance(content, Mapping) and "averaging_state" in content:
        found = [_as_averaged(each) if each.place == "state_dict" else each for each in found]
    if not found:
        return None
    best = max(found, key=_rank)
    averages = [each for each in found if each.averaged and each.num_fitting >= best.num_fitting - len(buffers)]
    average = max(averages, key=_rank, default=best)
    if average.num_named < best.num_named:
        if not names - buffers <= average.state.keys() | (names - best.state.keys()):
            return best  # an average of some layers only
        average = _filled(average, best, own)
    return average


def _rank(found: Found) -> tuple[int, int, bool, int]:
    # Last, a shorter path: {"model": ..., "best": {"model": ...}}.
    return found.num_fitting, found.num_named, found.averaged, -found.place.count(".")


def _state_dicts(content: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], StateDict]]:
    """Yield every mapping of names to tensors, with the keys that lead to it."""
    if len(place) > MAX_DEPTH:
        return
    if isinstance(content, Mapping):
        tensors = {key: value for key, value in content.items() if isinstance(key, str) and isinstance(value, Tensor)}
        if tensors:
            yield place, tensors
        inner = content.items()
    elif isinstance(content, list | tuple):
        inner = enumerate(content)  # type: ignore[assignment]
    else:
        return
    for key, value in inner:
        yield from _state_dicts(value, (*place, str(key)))


def _unwrapped(state: StateDict, place: str, own: Mapping[str, Tensor], names: Set[str]) -> Found:
    """Remove what the names of a state dict have before those of the network."""
    wrappers = _WRAPPERS if any("module" in name.split(".") for name in names) else _WRAPPERS | {"module"}
    cleaned: StateDict = {}
    for key, value in state.items():
        parts = key.split(".")
        # Not the last part: it is the name of the tensor itself.
        cleaned[".".join([*(part for part in parts[:-1] if part not in wrappers), parts[-1]])] = value
    named, fitting = Counter[str](), Counter[str]()
    for key, value in cleaned.items():
        parts = key.split(".")
        for first in range(len(parts)):
            name = ".".join(parts[first:])
            if name in names:
                prefix = key[: len(key) - len(name)]
                named[prefix] += 1
                fitting[prefix] += own[name].shape == value.shape
    # A network that keeps its average beside it has both under two prefixes: model. and ema_model.
    prefix = max(named, key=lambda each: (fitting[each], named[each], _is_average(each), -len(each)), default="")
    inside = {key.removeprefix(prefix): value for key, value in cleaned.items() if key.startswith(prefix)}
    # Counters beside the weights, as n_averaged of torch's AveragedModel.
    inside = {key: value for key, value in inside.items() if key in names or "." in key or value.numel() > 1}
    averaged = _is_average(place) or _is_average(prefix) or "n_averaged" in state  # the last is torch's AveragedModel
    return Found(inside or cleaned, place, prefix, averaged, fitting[prefix], named[prefix])


def _is_average(name: str) -> bool:
    return _AVERAGED.search(name) is not None


def _as_averaged(found: Found) -> Found:
    return Found(found.state, found.place, found.prefix, True, found.num_fitting, found.num_named)


def _filled(average: Found, other: Found, own: Mapping[str, Tensor]) -> Found:
    """An average of parameters with the buffers of other weights."""
    state = {**{name: other.state[name] for name in own if name in other.state}, **average.state}
    fitting = sum(name in own and own[name].shape == value.shape for name, value in state.items())
    return Found(state, average.place, average.prefix, True, fitting, sum(name in own for name in state))
