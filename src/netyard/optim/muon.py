"""Muon for the hidden matrices and AdamW for the rest, as one optimizer.

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
    """One ``step`` orthogonalises the momentum of the ``use_muon`` groups and does an AdamW step on the rest.

    One lr serves both: Muon's update is scaled to the size of AdamW's (Liu et al. 2025, section 2.2).

    Raises:
        ArgumentError: a group without ``use_muon``, or one that gives Muon something that is not a matrix.
    """

    # Used by ``configure_optimizer``: which parameters are Muon's depends on the net's modules, not on shapes alone.
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
        # The halves do the arithmetic and hold nothing: groups and state are lent to them for each step, so
        # that schedulers, checkpoints and clipping see a single optimizer.
        self.muon = Muon(
            [{"params": []}],
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            nesterov=nesterov,
            ns_steps=ns_steps,
            adjust_lr_fn="match_rms_adamw",
        )
        self.adamw = AdamW([{"params": []}], lr=lr, weight_decay=weight_decay, betas=tuple(betas), eps=eps)
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        if "use_muon" not in param_group:
            raise ArgumentError(
                "a parameter group does not say who learns it;",
                "each needs use_muon, true or false;",
                "try MuonAdamW(MuonAdamW.parameter_groups(net, weight_decay)).",
            )
        half = self.muon if param_group["use_muon"] else self.adamw
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
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for half in (self.muon, self.adamw):
            half.param_groups = [group for group in self.param_groups if group["use_muon"] == (half is self.muon)]
            half.state = self.state
            half.step()
        return loss

    def __getstate__(self) -> dict[str, Any]:
        # Optimizer pickles and copies only what it knows of.
        return {**super().__getstate__(), "muon": self.muon, "adamw": self.adamw}
