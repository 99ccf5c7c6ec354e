"""Muon for hidden weight matrices and AdamW for all other parameters, as one optimizer.

Jordan et al. 2024, https://kellerjordan.github.io/posts/muon; Liu et al. 2025, arXiv:2502.16982.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import AdamW, Muon, Optimizer

from netyard.errors import ArgumentError
from netyard.optim.parameters import muon_groups
from netyard.ranges.bounds import Count, NotNegative, Positive, Probability


class MuonAdamW(Optimizer):
    """Each ``step`` updates groups with ``use_muon`` by their orthogonalised momentum, and all others by AdamW.

    Both use the same lr: Muon's update is scaled to the root mean square of AdamW's (Liu et al. 2025, section 2.2).

    Raises:
        ArgumentError: a group without ``use_muon``, or a ``use_muon`` group with a parameter that is not a matrix.
    """

    # Called by ``configure_optimizer``: which parameters Muon updates depends on the modules, not on shapes alone.
    parameter_groups = staticmethod(muon_groups)

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: Positive = 1e-3,
        weight_decay: NotNegative = 0.0,
        momentum: Probability = 0.95,
        nesterov: bool = True,
        ns_steps: Count = 5,
        betas: tuple[Probability, Probability] = (0.9, 0.95),
        eps: Positive = 1e-8,
    ) -> None:
        # The two optimizers compute the updates but own no parameters: they get groups and state in each step, so that
        # schedulers, checkpoints and gradient clipping work with a single optimizer.
        self.muon = Muon(
            [{"params": []}],
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_steps=ns_steps,
            adjust_lr_fn="match_rms_adamw",  # 0.2 * sqrt(max(rows, columns)), eq. 4 of Liu et al. 2025
        )
        self.adamw = AdamW([{"params": []}], lr=lr, weight_decay=weight_decay, betas=tuple(betas), eps=eps)
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if "use_muon" not in param_group:
            raise ArgumentError(
                "a parameter group has no use_muon;",
                "each group needs it, true for Muon and false for AdamW;",
                "try MuonAdamW(MuonAdamW.parameter_groups(net, weight_decay)).",
            )
        half = self.muon if param_group["use_muon"] else self.adamw
        # Each of the two reads its own settings, as momentum or betas, from the group.
        super().add_param_group({**half.defaults, **param_group})
        added = self.param_groups[-1]
        for parameter in added["params"]:
            if added["use_muon"] and parameter.ndim != 2:
                raise ArgumentError(
                    f"Muon was given a parameter of shape {tuple(parameter.shape)};",
                    "it takes matrices only;",
                    "try use_muon=False for its group.",
                )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:  # evaluated once for both halves, with gradients, as Optimizer.step requires
            with torch.enable_grad():
                loss = closure()
        for half in (self.muon, self.adamw):
            half.param_groups = [group for group in self.param_groups if group["use_muon"] == (half is self.muon)]
            half.state = self.state  # the same dict: a parameter is in one half only, so that entries cannot clash
            half.step()
        return loss

    def __getstate__(self) -> dict[str, Any]:
        # Optimizer.__getstate__ returns defaults, state and groups only; a copy would have no halves.
        return {**super().__getstate__(), "muon": self.muon, "adamw": self.adamw}
