"""The network as a graph, for the dashboard's page of graphs."""

from __future__ import annotations

import logging
import warnings
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from netyard.tasks.interfaces import Exportable

log = logging.getLogger(__name__)


class Graph(Callback):
    """Before training, follows one sample through what the task is outside of netyard, as an export does.

    A GAN's is its generator. The run is the same with it: no random number is drawn from where training draws. A
    network that cannot be followed is said so in the log.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        board: Any = getattr(trainer.logger, "experiment", None)
        modes, device = [(module, module.training) for module in pl_module.modules()], pl_module.device
        if not hasattr(board, "add_graph") or not isinstance(pl_module, Exportable) or not trainer.is_global_zero:
            return
        try:
            with torch.random.fork_rng(), torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch's tracer is old, and says so of each of its parts
                signature = pl_module.export_signature()
                inputs = tuple(each.to(device) for each in signature.examples(trainer.datamodule, 1))
                board.add_graph(signature, inputs, use_strict_trace=False)
        except Exception as error:  # whatever a tracer stumbles over: training does not depend on it
            log.warning("no graph of the network: %s", str(error).strip().partition("\n")[0])
        finally:
            for module, training in modes:
                module.training = training
