"""Lightning's training loop without the unused work of a step: hooks that nothing overrides, unused profiling.

Lightning asks every callback a dozen times a batch, looks up anew what cannot have changed, and wraps each call twice:
of a small network's step that is about half. Here it is looked up once an epoch. Counters, arithmetic and the order of
hooks are Lightning's, so a run is the same to the last bit; validation, resuming and checkpoints are its own code.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import lightning as L
import torch
from lightning.fabric.utilities import move_data_to_device
from lightning.pytorch.core.hooks import DataHooks
from lightning.pytorch.loops.optimization.automatic import Closure, ClosureResult
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import SingleDeviceStrategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from lightning.pytorch.utilities.signature_utils import is_param_in_hook_signature
from torch import Tensor
from torch.optim import Optimizer

from netyard.training import lightning_internals as internals

HOOKS = (
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)


def install(trainer: L.Trainer) -> None:
    """Install the lean loop in a new Trainer; if Lightning's internals have changed, its own loop stays."""
    for sentence in internals.missing(trainer):
        internals.warn_once(f"training takes the loop of Lightning, which is slower: {sentence}")
        return
    stock = trainer.fit_loop.epoch_loop
    trainer.fit_loop.epoch_loop = LeanEpochLoop(trainer, min_steps=stock.min_steps, max_steps=stock.max_steps)


class LeanEpochLoop(internals.EpochLoop):
    """A batch in Lightning's order. What it does not know is left to Lightning.

    A whole batch: under several devices, manual optimization, ``debug=profile`` and other data fetchers, and the first
    after a resume. The optimizer's step: accumulated gradients, other precisions than float32 and bfloat16, and tasks
    that have their own ``optimizer_step``, ``optimizer_zero_grad`` or ``backward``.
    """

    _lookup: _Lookup | None = None
    _resumed_step: int | None = None  # where the curves of the run that is resumed ended, until its first batch

    def on_load_checkpoint(self, state_dict: dict[str, Any]) -> None:
        super().on_load_checkpoint(state_dict)
        self._resumed_step = self.curve_step

    def on_run_start(self, data_fetcher: Any) -> None:
        super().on_run_start(data_fetcher)
        self._lookup = None
        if _knows(self.trainer, data_fetcher):
            self._lookup = _Lookup(self.trainer)
            internals.stop_profiling(data_fetcher)

    def teardown(self) -> None:
        self._lookup = None
        super().teardown()

    def advance(self, data_fetcher: Any) -> None:
        if self._resumed_step is not None:
            self._advance_resumed(self._resumed_step, data_fetcher)
        elif self._lookup is None or self.restarting:
            super().advance(data_fetcher)
        else:
            self._advance_lean(self._lookup, data_fetcher)

    def _advance_resumed(self, step: int, data_fetcher: Any) -> None:
        """The first batch after a resume: Lightning takes one step more for granted, and would draw a step late."""
        self._resumed_step, self.curve_step = None, step
        started = self.batch_progress.total.started
        self.advance(data_fetcher)
        if self.batch_progress.total.started == started:  # it has only found out that the epoch was over
            self._resumed_step = step

    def _advance_lean(self, lookup: _Lookup, data_fetcher: Any) -> None:
        progress, connector = self.batch_progress, self.connector
        batch, _, _ = next(data_fetcher)
        batch_idx = self.batch_idx + 1
        progress.is_last_batch = data_fetcher.done
        batch = lookup.transferred(batch)
        progress.increment_ready()
        connector.on_batch_start(batch)

        skip = lookup.call("on_train_batch_start", batch, batch_idx) == -1
        result: dict[str, Any] | None = None
        if skip:
            progress.increment_by(0, is_last_batch=True)
        else:
            progress.increment_started()
            if lookup.lean_step:
                result = self._optimize(lookup, batch, batch_idx)
            else:
                given = lookup.given(batch, batch_idx)
                result = self.automatic_optimization.run(lookup.optimizer, batch_idx, given)
        progress.increment_processed()
        if lookup.schedules and not (lookup.accumulates and self.accumulates()):
            self._schedule(lookup)
        if self.at_last_batch():
            self.update_lr_schedulers("epoch", update_plateau_schedulers=False)
        if skip:
            raise StopIteration

        lookup.call("on_train_batch_end", result, batch, batch_idx)
        found = self.logged
        logged = any(not each.has_reset for each in found.values())  # what an earlier epoch logged is reset
        if logged:
            connector.on_batch_end()
        else:
            found.batch = found.batch_size = None
        progress.increment_completed()
        if logged:
            connector.update_train_step_metrics()

    def on_advance_end(self, data_fetcher: Any) -> None:
        trainer, lookup, progress = self.trainer, self._lookup, self.batch_progress
        ends = progress.is_last_batch or trainer.should_stop or trainer.received_sigterm
        if ends or lookup is None or not lookup.ends_plainly or progress.current.ready >= lookup.num_batches:
            super().on_advance_end(data_fetcher)
        elif not (lookup.accumulates and self.accumulates()):
            self.curve_step += 1

    def _optimize(self, lookup: _Lookup, batch: Any, batch_idx: int) -> dict[str, Any]:
        """A step of the optimizer: what ``training_step`` returned, its loss without a graph."""
        counts = self.automatic_optimization.optim_progress.optimizer
        trainer, optimizer = self.trainer, lookup.optimizer
        result: dict[str, Any] = {}

        def closure() -> Tensor | None:
            loss = output = lookup.step(batch, batch_idx)
            if isinstance(output, Tensor):
                result["loss"] = output.detach()
            else:
                found = ClosureResult.from_training_step_output(output)
                loss = found.closure_loss
                if loss is None:
                    Closure.warning_cache.warn("`training_step` returned `None`, and the step is left out.")
                else:
                    result.update(found.asdict())

            counts.zero_grad.increment_ready()
            lookup.call("on_before_zero_grad", optimizer)
            counts.zero_grad.increment_started()
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None
            counts.zero_grad.increment_completed()
            if loss is not None:
                lookup.call("on_before_backward", loss)
                loss.backward()
                lookup.call("on_after_backward")
            lookup.call("on_before_optimizer_step", optimizer)
            if lookup.clips:
                internals.clip_gradients(trainer, optimizer)
            return loss

        counts.step.increment_ready()
        optimizer.step(closure=closure)
        counts.step.increment_completed()
        return result

    def _schedule(self, lookup: _Lookup) -> None:
        for config in lookup.schedules:
            if self.batch_progress.current.ready % config.frequency == 0:
                self.scheduler_progress.increment_ready()
                lookup.module.lr_scheduler_step(config.scheduler, None)
                self.scheduler_progress.increment_completed()


def _knows(trainer: L.Trainer, data_fetcher: Any) -> bool:
    """Whether a batch may go the lean way."""
    return (
        internals.is_prefetching(data_fetcher)
        and type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.profiler) is PassThroughProfiler
        and trainer.lightning_module.automatic_optimization
    )


def _own_hook(owner: Any, name: str) -> Any:
    """A hook for batches; None where it is the one that every task and data module has."""
    return None if getattr(type(owner), name) is getattr(DataHooks, name) else getattr(owner, name)


class _Lookup:
    """The hooks and settings of a step, looked up once an epoch: they do not change within it."""

    def __init__(self, trainer: L.Trainer) -> None:
        module = trainer.lightning_module
        self.trainer, self.module = trainer, module
        self._state = module.__dict__  # nn.Module.__setattr__ takes longer than a hook
        self._hooks = {
            name: (
                [getattr(each, name) for each in trainer.callbacks if is_overridden(name, each)],
                getattr(module, name) if is_overridden(name, module) else None,
            )
            for name in HOOKS
        }
        self._training_step = module.training_step
        self._takes_index = is_param_in_hook_signature(module.training_step, "batch_idx", min_args=2)
        self.optimizer: Optimizer = trainer.optimizers[0]
        self.schedules = [
            each for each in trainer.lr_scheduler_configs if each.interval == "step" and not each.reduce_on_plateau
        ]
        self.num_batches = trainer.num_training_batches
        self.ends_plainly = (  # between two batches of an epoch there is neither validation nor a plateau
            not internals.validates_by_the_clock(trainer)
            and trainer.val_check_batch == trainer.num_training_batches
            and trainer.check_val_every_n_epoch is not None
            and not any(each.interval == "step" and each.reduce_on_plateau for each in trainer.lr_scheduler_configs)
        )
        self.clips = trainer.gradient_clip_val is not None or is_overridden("configure_gradient_clipping", module)
        precision = trainer.precision_plugin
        self._precision: Callable[[], AbstractContextManager[Any]] = (
            nullcontext if type(precision) is Precision else precision.train_step_context
        )
        own = any(is_overridden(name, module) for name in ("optimizer_step", "optimizer_zero_grad", "backward"))
        own |= type(self.optimizer).zero_grad is not Optimizer.zero_grad
        known = type(precision) is Precision or (type(precision) is MixedPrecision and precision.scaler is None)
        self.accumulates = trainer.accumulate_grad_batches > 1
        self.lean_step = not self.accumulates and known and not own
        self.device = trainer.strategy.root_device
        self._before, self._move, self._after = (
            _own_hook(internals.data_hook_owner(trainer, name), name)
            for name in ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
        )

    def call(self, name: str, *arguments: Any) -> Any:
        """A hook of the callbacks that have it, then the module's; returns what that one does."""
        callbacks, own = self._hooks[name]
        if not callbacks and own is None:
            return None
        before, self._state[internals.CURRENT_HOOK] = self._state[internals.CURRENT_HOOK], name  # what ``log`` asks for
        for hook in callbacks:
            hook(self.trainer, self.module, *arguments)
        answer = own(*arguments) if own is not None else None
        self._state[internals.CURRENT_HOOK] = before
        return answer

    def step(self, batch: Any, batch_idx: int) -> Any:
        """What ``training_step`` returns, in the precision of the run."""
        before, self._state[internals.CURRENT_HOOK] = self._state[internals.CURRENT_HOOK], "training_step"
        with torch.enable_grad(), self._precision():
            output = self._training_step(*self.given(batch, batch_idx).values())
        self._state[internals.CURRENT_HOOK] = before
        return output

    def given(self, batch: Any, batch_idx: int) -> OrderedDict[str, Any]:
        """What ``training_step`` takes."""
        return OrderedDict(batch=batch, batch_idx=batch_idx) if self._takes_index else OrderedDict(batch=batch)

    def transferred(self, batch: Any) -> Any:
        batch = self.trainer.precision_plugin.convert_input(batch)
        if self._before is not None:
            batch = self._before(batch, 0)
        if self._move is not None:
            batch = self._move(batch, self.device, 0)
        elif any(not isinstance(each, Tensor) or each.device != self.device for each in batch):
            batch = move_data_to_device(batch, self.device)
        return batch if self._after is None else self._after(batch, 0)
