"""When validation is due, as the settings of a Trainer say: a run that ends validates at another time, too."""

from __future__ import annotations

from lightning import Trainer


def is_due(trainer: Trainer) -> bool:
    """Whether the batch that was just trained on is one after which ``val_check_interval`` asks for a validation.

    A run that is cut off within an epoch (``max_steps``, ``max_time``) is validated there once more. What counts
    validations must leave this one out, or the run would go on in another way than one that was not cut off.
    """
    every, interval = trainer.check_val_every_n_epoch, trainer.val_check_batch
    if every is not None and (trainer.current_epoch + 1) % every:
        return False
    # Without epochs (``check_val_every_n_epoch=null``) batches are counted from the start of the run.
    loop = trainer.fit_loop
    batches = (loop.total_batch_idx if every is None else loop.batch_idx) + 1
    if interval is None or interval == float("inf"):
        return trainer.is_last_batch
    return batches % interval == 0
