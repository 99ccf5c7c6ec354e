"""Ends a job of a sweep early when it does worse than other jobs did after as many epochs."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from lightning import Callback, LightningModule, Trainer

from netyard.callbacks.best_and_last import BestAndLast
from netyard.errors import ConfigError, Pruned
from netyard.run_directories import study

log = logging.getLogger(__name__)


class Pruning(Callback):
    """Reports the monitored metric of each validated epoch to the job's Optuna trial, and ends the job if pruned.

    The job ends at the start of its next epoch: then the last epoch is saved and its row written. Rank 0 decides for
    all ranks. A failed report only logs a warning, because a run is useful without its sweep.

    Args:
        storage: the URL of the study's database.
        study_name: name of the study in it.
        trial: number of the job's trial in the study.
        pruner: ``median``, ``asha``, ``hyperband`` or ``percentile``.
        pruner_options: its arguments.
        monitor: None uses the metric that chooses the best checkpoint.

    Raises:
        ConfigError: the study has several objectives, or the metric is not logged.
        Pruned: the pruner has ended the job.
    """

    def __init__(
        self,
        storage: str,
        study_name: str,
        trial: int,
        pruner: str,
        pruner_options: Mapping[str, Any] | None = None,
        monitor: str | None = None,
    ) -> None:
        self.storage, self.study_name, self.number = storage, study_name, trial
        self.pruner, self.pruner_options, self.monitor = pruner, dict(pruner_options or {}), monitor
        self._trial: Any = None
        self._validated = False
        self._pruned: Pruned | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.monitor is None:
            self.monitor = next(each.monitor for each in trainer.checkpoint_callbacks if isinstance(each, BestAndLast))
        if trainer.is_global_zero:
            self._trial = self._open()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not self._validated:
            return
        self._validated = False
        metrics, monitor = trainer.callback_metrics, str(self.monitor)
        if monitor not in metrics:
            raise ConfigError(
                f"the sweep is pruned by {monitor}, which this job does not log;",
                f"it logs {', '.join(sorted(metrics))};",
                "try hydra.sweeper.objectives=null, or hydra.sweeper.pruner=none.",
            )
        value = float(metrics[monitor])
        # Only rank 0 has the trial. All ranks must take the same decision, or the others would wait forever.
        prune = trainer.is_global_zero and self._should_prune(trainer.current_epoch, value)
        if trainer.strategy.broadcast(prune, src=0):
            self._pruned = Pruned(trainer.current_epoch, monitor, value)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Not in on_train_epoch_end: the checkpoint callback runs after this one.
        if self._pruned is not None:
            raise self._pruned

    def _open(self) -> Any:
        """Open the trial of this job."""
        optuna = study.optuna()
        # The sampler is not used, because the job already has its parameters; RandomSampler is the cheapest to make.
        opened = optuna.load_study(
            study_name=self.study_name,
            storage=study.storage(self.storage, ready=True),
            sampler=optuna.samplers.RandomSampler(),
            pruner=study.pruner(self.pruner, self.pruner_options),
        )
        if len(opened.directions) > 1:
            raise ConfigError(
                f"study '{self.study_name}' has {len(opened.directions)} objectives;",
                "a job is pruned by one objective;",
                "try hydra.sweeper.pruner=none, or one objective.",
            )
        trials = opened.get_trials(deepcopy=False)
        return optuna.trial.Trial(opened, next(each._trial_id for each in trials if each.number == self.number))

    def _should_prune(self, epoch: int, value: float) -> bool:
        try:
            # A resumed run may repeat an epoch that it has already reported; Optuna would warn of a second report.
            if epoch not in self._trial.storage.get_trial(self._trial._trial_id).intermediate_values:
                self._trial.report(value, epoch)
            return bool(self._trial.should_prune())
        except study.optuna().exceptions.OptunaError as error:
            log.warning("the report of epoch %d to the sweep's study failed: %s", epoch, error)
            return False
