"""Early stopping: Lightning's, with a patience that can be changed on a resume, and a line that says why it stopped."""

from __future__ import annotations

import logging
from typing import Annotated, Any, Literal, TypeAlias

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping as LightningEarlyStopping
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from netyard.metrics import validation_times
from netyard.ranges.bounds import Ge, Index, Le, NotNegative
from netyard.ranges.signature import check

Score: TypeAlias = Annotated[float, Ge(-1e12), Le(1e12)]

log = logging.getLogger(__name__)


class EarlyStopping(LightningEarlyStopping):
    """Ends the run when the monitored score has not improved in ``patience`` validations. Prechelt 1998.

    A validation that is due by ``trainer.val_check_interval`` counts, one at the end of a run that is cut off does not.

    Args:
        monitor: a metric that validation logs.
        mode: ``max`` or ``min``.
        patience: number of validations without improvement, after which the run ends.
        min_delta: a smaller change is no improvement.
        check_finite: whether a score that is NaN or infinite ends the run.
        stopping_threshold: a score that is good enough, and ends the run.
        divergence_threshold: a score so bad that it ends the run.
        verbose, strict, check_on_train_epoch_end, log_rank_zero_only: as in Lightning.
    """

    patience: int
    stopping_reason: EarlyStoppingReason
    stopping_reason_message: str | None

    def __init__(
        self,
        monitor: str,
        mode: Literal["min", "max"],
        patience: Index = 10,
        min_delta: NotNegative = 0.0,
        check_finite: bool = False,
        stopping_threshold: Score | None = None,
        divergence_threshold: Score | None = None,
        verbose: bool = False,
        strict: bool = True,
        check_on_train_epoch_end: bool | None = None,
        log_rank_zero_only: bool = False,
    ) -> None:
        check(EarlyStopping, locals(), "callbacks.early_stopping")
        super().__init__(
            monitor,
            min_delta,
            patience,
            verbose,
            mode,
            strict,
            check_finite,
            stopping_threshold,
            divergence_threshold,
            check_on_train_epoch_end,
            log_rank_zero_only,
        )
        self._has_stopped = False  # the run that is resumed

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        patience = self.patience
        super().load_state_dict(state_dict)
        self.patience = patience  # Lightning restores that of the checkpoint
        self._has_stopped = self.stopping_reason_message is not None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._has_stopped:
            return
        if self.wait_count >= max(self.patience, 1):
            # One more epoch would make it another run than one that was not interrupted.
            trainer.should_stop = True
            log.info(
                "the run had stopped early, after %d validations without a better %s; to train longer, try"
                " callbacks.early_stopping.patience=%d, or callbacks.early_stopping=null",
                *(self.wait_count, self.monitor, 2 * self.wait_count),
            )
        else:
            self._has_stopped = False
            self.stopped_epoch, self.stopping_reason_message = 0, None
            self.stopping_reason = EarlyStoppingReason.NOT_STOPPED

    def _run_early_stopping_check(self, trainer: Trainer) -> None:
        if not validation_times.is_due(trainer):
            return
        super()._run_early_stopping_check(trainer)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not when it is decided: trainer.min_epochs may let the run go on.
        if self.stopping_reason_message is not None and not self._has_stopped and trainer.should_stop:
            log.info("stopped early: %s", self.stopping_reason_message.removesuffix(" Signaling Trainer to stop."))
