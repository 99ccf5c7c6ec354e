"""Lightning's training loop without the overhead of a step: hooks that nothing overrides, unused profiling.

Lightning calls a dozen hooks of every callback in each batch, looks up again what cannot have changed, and wraps each
call twice: about half of the time of a small network's step. Here it is looked up once an epoch. Counters, arithmetic
and the order of hooks are Lightning's, so a run is bit-identical; validation, resuming and checkpoints are its code.
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

HOOKS = (  # of a training batch, which callbacks and the task may override
    "on_train_batch_start",
    "on_train_batch_end",
    "on_before_zero_grad",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
)


def install(trainer: L.Trainer) -> None:
    """Install the lean loop in a new Trainer; if Lightning's internals have changed, keep its own loop and warn."""
    for sentence in internals.missing(trainer):
        internals.warn_once(f"training uses the loop of Lightning, which is slower: {sentence}")
        return
    # Replaced before the first fit, so the counters of the new loop start at zero as those of the old one did.
    stock = trainer.fit_loop.epoch_loop
    trainer.fit_loop.epoch_loop = LeanEpochLoop(trainer, min_steps=stock.min_steps, max_steps=stock.max_steps)


class LeanEpochLoop(internals.EpochLoop):
    """Runs a batch in Lightning's order of hooks; what it does not support is run by Lightning's own code.

    Lightning runs the whole batch with several devices, manual optimization, ``debug=profile`` or another data fetcher,
    and for the first batch after a resume. It runs the optimizer step with accumulated gradients, with other precisions
    than float32 and bfloat16, and if the task overrides ``optimizer_step``, ``optimizer_zero_grad`` or ``backward``.
    """

    _lookup: _Lookup | None = None
    _resumed_step: int | None = None  # x-axis of the last point before the resume; None after the first batch

    def on_load_checkpoint(self, state_dict: dict[str, Any]) -> None:
        super().on_load_checkpoint(state_dict)
        self._resumed_step = self.curve_step

    def reset(self) -> None:
        restarting = self.restarting
        super().reset()
        if restarting:
            # Lightning takes back the batch that was ready at the stop only among those of the epoch: it would be
            # counted twice, and a validation after a number of batches across epochs would be one early.
            self.batch_progress.total.ready = self.batch_progress.total.completed

    def on_run_start(self, data_fetcher: Any) -> None:
        super().on_run_start(data_fetcher)
        # Once an epoch: between epochs a callback may unfreeze layers, change the optimizer or switch off validation.
        self._lookup = None
        if _supports(self.trainer, data_fetcher):
            self._lookup = _Lookup(self.trainer)
            internals.stop_profiling(data_fetcher)

    def teardown(self) -> None:
        self._lookup = None  # holds bound methods of task and callbacks, and would keep them in memory
        super().teardown()

    def advance(self, data_fetcher: Any) -> None:
        if self._resumed_step is not None:
            self._advance_resumed(self._resumed_step, data_fetcher)
        elif self._lookup is None or self.restarting:  # restarting: Lightning may have to validate first
            super().advance(data_fetcher)
        else:
            self._advance_lean(self._lookup, data_fetcher)

    def _advance_resumed(self, step: int, data_fetcher: Any) -> None:
        """Run the first batch after a resume: Lightning counts one step too many, and would log a step late."""
        self._resumed_step, self.curve_step = None, step
        started = self.batch_progress.total.started
        self.advance(data_fetcher)
        if self.batch_progress.total.started == started:
            # No batch was run: the epoch was over already. The correction is for the first batch of the next one.
            self._resumed_step = step

    def _advance_lean(self, lookup: _Lookup, data_fetcher: Any) -> None:
        progress, connector = self.batch_progress, self.connector
        # The order of these lines is that of Lightning's _TrainingEpochLoop.advance: callbacks read the counters.
        batch, _, _ = next(data_fetcher)
        batch_idx = self.batch_idx + 1
        progress.is_last_batch = data_fetcher.done  # the fetcher reads one batch ahead, so it knows
        batch = lookup.to_device(batch)
        progress.increment_ready()
        connector.on_batch_start(batch)

        skip = lookup.call("on_train_batch_start", batch, batch_idx) == -1  # -1 skips the rest of the epoch
        result: dict[str, Any] | None = None
        if skip:
            progress.increment_by(0, is_last_batch=True)
        else:
            progress.increment_started()
            if lookup.lean_step:
                result = self._optimize(lookup, batch, batch_idx)
            else:
                arguments = lookup.step_arguments(batch, batch_idx)
                result = self.automatic_optimization.run(lookup.optimizer, batch_idx, arguments)
        progress.increment_processed()
        if lookup.schedules and not (lookup.accumulates and self.accumulates()):
            self._schedule(lookup)
        if self.at_last_batch():
            self.update_lr_schedulers("epoch", update_plateau_schedulers=False)
        if skip:
            raise StopIteration  # ends the epoch; the loop that calls advance catches it

        lookup.call("on_train_batch_end", result, batch, batch_idx)
        collected = self.logged
        logged = any(not each.has_reset for each in collected.values())  # values of an earlier epoch are reset
        if logged:
            connector.on_batch_end()
        else:
            collected.batch = collected.batch_size = None  # what on_batch_end does if nothing was logged
        progress.increment_completed()
        if logged:
            connector.update_train_step_metrics()

    def on_advance_end(self, data_fetcher: Any) -> None:
        trainer, lookup, progress = self.trainer, self._lookup, self.batch_progress
        ends = progress.is_last_batch or trainer.should_stop or trainer.received_sigterm
        # Lightning decides about validation, checkpoints and plateau schedulers; between two batches there are none.
        if ends or lookup is None or not lookup.nothing_between or progress.current.ready >= lookup.num_batches:
            super().on_advance_end(data_fetcher)
        elif not (lookup.accumulates and self.accumulates()):
            self.curve_step += 1

    def _optimize(self, lookup: _Lookup, batch: Any, batch_idx: int) -> dict[str, Any]:
        """Run one optimizer step; returns the output of ``training_step`` with the loss detached."""
        counts = self.automatic_optimization.optim_progress.optimizer
        trainer, optimizer = self.trainer, lookup.optimizer
        result: dict[str, Any] = {}

        # A closure, not plain calls: L-BFGS evaluates the loss several times in a step, and Lightning's precision
        # plugins call it the same way, so forward and backward are run inside optimizer.step.
        def closure() -> Tensor | None:
            loss = output = lookup.step(batch, batch_idx)
            if isinstance(output, Tensor):
                result["loss"] = output.detach()  # callbacks may keep it; with its graph it would keep activations
            else:
                found = ClosureResult.from_training_step_output(output)
                loss = found.closure_loss
                if loss is None:
                    Closure.warning_cache.warn("`training_step` returned `None`, and the step is skipped.")
                else:
                    result.update(found.asdict())

            counts.zero_grad.increment_ready()
            lookup.call("on_before_zero_grad", optimizer)
            counts.zero_grad.increment_started()
            # What Optimizer.zero_grad(set_to_none=True) does, without its profiler record.
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


def _supports(trainer: L.Trainer, data_fetcher: Any) -> bool:
    """Whether the lean loop supports this Trainer."""
    return (
        internals.is_prefetching(data_fetcher)
        # Exactly these types: a subclass may do more in the methods that are skipped here.
        and type(trainer.strategy) is SingleDeviceStrategy
        and type(trainer.profiler) is PassThroughProfiler
        and trainer.lightning_module.automatic_optimization
    )


def _own_hook(owner: Any, name: str) -> Any:
    """Return a hook for batches; None if it is the default of ``DataHooks``, which is not overridden."""
    return None if getattr(type(owner), name) is getattr(DataHooks, name) else getattr(owner, name)


class _Lookup:
    """Hooks and settings of a step, looked up once an epoch, within which they do not change."""

    def __init__(self, trainer: L.Trainer) -> None:
        module = trainer.lightning_module
        self.trainer, self.module = trainer, module
        self._state = module.__dict__  # written directly: nn.Module.__setattr__ takes longer than a hook
        self._hooks = {
            name: (
                [getattr(each, name) for each in trainer.callbacks if is_overridden(name, each)],
                getattr(module, name) if is_overridden(name, module) else None,
            )
            for name in HOOKS
        }
        self._training_step = module.training_step
        self._takes_index = is_param_in_hook_signature(module.training_step, "batch_idx", min_args=2)
        self.optimizer: Optimizer = trainer.optimizers[0]  # the only one: several need manual optimization
        self.schedules = [
            each for each in trainer.lr_scheduler_configs if each.interval == "step" and not each.reduce_on_plateau
        ]
        self.num_batches = trainer.num_training_batches
        # Between two batches of an epoch there is neither validation nor a step of ReduceLROnPlateau.
        self.nothing_between = (
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
        overrides = any(is_overridden(name, module) for name in ("optimizer_step", "optimizer_zero_grad", "backward"))
        overrides |= type(self.optimizer).zero_grad is not Optimizer.zero_grad
        # float16 needs a gradient scaler, which skips steps with infinite gradients: Lightning's code does that.
        supported = type(precision) is Precision or (type(precision) is MixedPrecision and precision.scaler is None)
        self.accumulates = trainer.accumulate_grad_batches > 1
        self.lean_step = not self.accumulates and supported and not overrides
        self.device = trainer.strategy.root_device
        self._before, self._move, self._after = (
            _own_hook(internals.data_hook_owner(trainer, name), name)
            for name in ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
        )

    def call(self, name: str, *arguments: Any) -> Any:
        """Call a hook of the callbacks that override it, then the module's; returns what the module's returns."""
        callbacks, own = self._hooks[name]
        if not callbacks and own is None:
            return None
        # self.log reads the name of the hook it is called from: it decides between on_step and on_epoch.
        before, self._state[internals.CURRENT_HOOK] = self._state[internals.CURRENT_HOOK], name
        for hook in callbacks:
            hook(self.trainer, self.module, *arguments)
        returned = own(*arguments) if own is not None else None
        self._state[internals.CURRENT_HOOK] = before
        return returned

    def step(self, batch: Any, batch_idx: int) -> Any:
        """Run ``training_step`` in the precision of the run."""
        before, self._state[internals.CURRENT_HOOK] = self._state[internals.CURRENT_HOOK], "training_step"
        # enable_grad, as in Lightning's Closure: an optimizer may call its closure under no_grad.
        with torch.enable_grad(), self._precision():
            output = self._training_step(*self.step_arguments(batch, batch_idx).values())
        self._state[internals.CURRENT_HOOK] = before
        return output

    def step_arguments(self, batch: Any, batch_idx: int) -> OrderedDict[str, Any]:
        """Return the arguments of ``training_step``."""
        return OrderedDict(batch=batch, batch_idx=batch_idx) if self._takes_index else OrderedDict(batch=batch)

    def to_device(self, batch: Any) -> Any:
        """Return the batch on the device, after the hooks for batches."""
        batch = self.trainer.precision_plugin.convert_input(batch)
        if self._before is not None:
            batch = self._before(batch, 0)
        if self._move is not None:
            batch = self._move(batch, self.device, 0)
        # A tuple of tensors that are on the device already is the usual case; nothing has to be walked through then.
        elif any(not isinstance(each, Tensor) or each.device != self.device for each in batch):
            batch = move_data_to_device(batch, self.device)
        return batch if self._after is None else self._after(batch, 0)
