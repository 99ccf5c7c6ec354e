"""Tokens as targets: the special ones, and losses of logits and labels over the steps that have a target."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.losses.class_weights import ClassWeighted, CrossEntropyLoss
from netyard.losses.probe import check_classification_loss

PADDING = 0  # only at the end of a sequence
NUM_SPECIAL = 4  # padding, unknown, start, end; real tokens come after them
IGNORED = -100  # torch's default ignore_index

# Classes for which the loss is tried: a vocabulary of 30,000 words would need 30,001 x 30,000 logits.
_PROBED_CLASSES = 256


class TokenLoss(NamedTuple):
    """Scalars of a batch; the means are 0/0 if no step has a target."""

    loss: Tensor
    nll: Tensor  # the mean negative log-likelihood of a target, in nats
    count: Tensor  # of targets


def token_loss(loss: nn.Module, logits: Tensor, y: Tensor) -> TokenLoss:
    """Logits (B, T, V) and targets (B, T)  ->  means over the targets that are not ``IGNORED``.

    Ignored targets are removed before the loss is called. That makes the host wait for the device (the number of
    remaining targets is a shape), so it is skipped for torch's cross-entropy, which ignores them itself.
    """
    logits, y = logits.flatten(0, 1), y.flatten()  # (B * T, V), (B * T,)
    known = y != IGNORED
    if not _ignores_missing_targets(loss) and not known.all():
        logits, y = logits[known], y[known]  # (count, V), (count,)
    value = loss(logits, y)
    # Perplexity is defined by the plain likelihood, whatever loss (focal, label smoothing) is trained. Detached: it is
    # only logged, and a second graph over the vocabulary would cost much memory.
    nll = value if _is_likelihood(loss) else F.cross_entropy(logits.detach(), y, ignore_index=IGNORED)
    return TokenLoss(value, nll, known.sum())


def token_losses(losses: Mapping[str, nn.Module], logits: Tensor, y: Tensor) -> dict[str, TokenLoss]:
    """``token_loss`` of each of several losses, by name."""
    return {name: token_loss(loss, logits, y) for name, loss in losses.items()}


def check_vocabulary(num_outputs: Any, loss: nn.Module, task: str, data: str) -> None:
    """Raise ArgumentError unless the data have a vocabulary with at least one real token, and the loss takes labels."""
    if not isinstance(num_outputs, int) or num_outputs <= NUM_SPECIAL:
        raise ArgumentError(
            f"num_outputs is {num_outputs};",
            f"task {task} needs data with a vocabulary of at least {NUM_SPECIAL + 1} tokens;",
            f"try data={data}.",
        )
    if isinstance(loss, ClassWeighted) and loss.class_weights is not None:
        raise ArgumentError(
            f"loss.class_weights was given to the task {task};",
            "it weights the classes of a classification, not the tokens of a vocabulary;",
            "try loss.class_weights=null.",
        )
    check_classification_loss(loss, min(num_outputs, _PROBED_CLASSES))


def pad_to(tokens: Tensor, width: int) -> Tensor:
    """(B, T) -> (B, width), padded at the end."""
    return F.pad(tokens, (0, width - tokens.shape[1]), value=PADDING)


# Not isinstance: another subclass may compute something else.
_CROSS_ENTROPY = (nn.CrossEntropyLoss, CrossEntropyLoss)


def _ignores_missing_targets(loss: nn.Module) -> bool:
    return type(loss) in _CROSS_ENTROPY and loss.ignore_index == IGNORED


def _is_likelihood(loss: nn.Module) -> bool:
    """Whether the loss already is the mean negative log-likelihood, which need not be computed again then."""
    return (
        type(loss) in _CROSS_ENTROPY and loss.reduction == "mean" and loss.weight is None and not loss.label_smoothing
    )
