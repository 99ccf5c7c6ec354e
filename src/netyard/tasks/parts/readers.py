"""Whether a network reads what a task gives it, by what its ``forward`` says of itself."""

from __future__ import annotations

import inspect

from torch import nn

from netyard.errors import ArgumentError

_REQUIRED = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


def check_reader(net: nn.Module, task: str) -> None:
    """Refuse a network that needs more than one input, such as a decoder that reads its own output.

    Args:
        net: whose ``forward`` the task calls with a batch of inputs.
        task: the name, for the message.

    Raises:
        ArgumentError: ``forward`` has no or several required parameters.
    """
    parameters = inspect.signature(net.forward).parameters.values()
    kinds = {each.kind for each in parameters}
    needed = [each.name for each in parameters if each.default is inspect.Parameter.empty and each.kind in _REQUIRED]
    if type(net).forward is nn.Module.forward:  # which raises NotImplementedError
        needed, kinds = [], set()
    # *args takes the input, too.
    if len(needed) != 1 and inspect.Parameter.VAR_POSITIONAL not in kinds:
        raise ArgumentError(
            f"{type(net).__name__} reads {' and '.join(needed) or 'nothing'};",
            f"task {task} needs a net that reads its input alone, as forward(x);",
            "try model=mlp, or of texts and series model=lstm.",
        )
