"""Tokens as targets: the special ones, and any loss of logits and labels over the steps that have a target."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from netyard.errors import ArgumentError
from netyard.losses.probe import check_classification_loss

PADDING = 0  # only ever at a sequence's end
NUM_SPECIAL = 4  # padding, unknown, start, end; real tokens come after them
IGNORED = -100  # torch's default ignore_index

# Classes for which the loss is tried: a vocabulary of 30,000 words would need 30,001 x 30,000 logits.
_PROBED_CLASSES = 256


class TokenLoss(NamedTuple):
    """Scalars of a batch; the means are 0/0 where no step has a target."""

    loss: Tensor
    nll: Tensor  # the mean negative log-likelihood of a target, in nats
    count: Tensor  # of targets


def token_loss(loss: nn.Module, logits: Tensor, y: Tensor) -> TokenLoss:
    """Logits (B, T, V) and targets (B, T)  ->  means over the targets that are not ``IGNORED``.

    They are removed before the loss. To find them the host has to wait for the device, so torch's cross-entropy, which
    ignores them itself, is called without that.
    """
    logits, y = logits.flatten(0, 1), y.flatten()
    known = y != IGNORED
    if not _leaves_out_ignored(loss) and not known.all():
        logits, y = logits[known], y[known]
    value = loss(logits, y)
    nll = value if _is_likelihood(loss) else F.cross_entropy(logits.detach(), y, ignore_index=IGNORED)
    return TokenLoss(value, nll, known.sum())


def check_vocabulary(num_outputs: Any, loss: nn.Module, task: str, data: str) -> None:
    """Refuse data without a vocabulary, and a loss that does not take logits and labels.

    Raises:
        ArgumentError: ``num_outputs`` leaves no room for a real token; see ``check_classification_loss``.
    """
    if not isinstance(num_outputs, int) or num_outputs <= NUM_SPECIAL:
        raise ArgumentError(
            f"num_outputs is {num_outputs};",
            f"task {task} needs data with a vocabulary, of at least {NUM_SPECIAL + 1} tokens;",
            f"try data={data}.",
        )
    check_classification_loss(loss, min(num_outputs, _PROBED_CLASSES))


def pad_to(tokens: Tensor, width: int) -> Tensor:
    """(B, T) -> (B, width), padded at the end."""
    return F.pad(tokens, (0, width - tokens.shape[1]), value=PADDING)


def _leaves_out_ignored(loss: nn.Module) -> bool:
    return type(loss) is nn.CrossEntropyLoss and loss.ignore_index == IGNORED


def _is_likelihood(loss: nn.Module) -> bool:
    """Whether the loss is the mean negative log-likelihood itself, which need not be computed twice then."""
    return (
        type(loss) is nn.CrossEntropyLoss
        and loss.reduction == "mean"
        and loss.weight is None
        and not loss.label_smoothing
    )
