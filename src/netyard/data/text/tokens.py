"""What all data of tokens share: vocabularies that travel with the run, and batches that are left as they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split
from netyard.data.text.vocabulary import NUM_SPECIAL, PADDING, Vocabulary, from_state
from netyard.errors import DataError

_EVAL_TOKENS = 2**16  # an evaluation batch by default: up to this many tokens ...
_EVAL_SAMPLES = 1024  # ... and this many samples


@dataclass(kw_only=True, eq=False, repr=False)
class TokenData(DataModule):
    """Tokens, int64. A data set's ``read`` fills ``vocabularies``, unless a checkpoint has done so already."""

    READS: ClassVar[str] = "text"
    """The vocabulary of what a network reads."""
    WRITES: ClassVar[str] = "text"
    """The vocabulary of what it writes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.vocabularies: dict[str, Vocabulary] = {}

    def facts(self) -> dict[str, Any]:
        self.setup()
        return {"vocab_size": self.vocab_size}

    def encode(self, text: str) -> Tensor:
        """Text to read as tokens (T,).

        Raises:
            DataError: it is empty, or holds tokens that the vocabulary does not have.
        """
        if not text:
            raise DataError("the text is empty;", "it needs one character at least;", "type some text.")
        return torch.tensor(self._vocabulary(self.READS).encode(text, strict=True))

    def decode(self, tokens: Tensor | Iterable[int]) -> str:
        """Written tokens as text: special ones are left out, but the unknown one is �."""
        return self._vocabulary(self.WRITES).decode(_plain(tokens))

    def token_lengths(self) -> Tensor:
        """How many characters begin in each token that may be written: int64 (vocab_size,).

        Special tokens have none, the unknown one counts as one.
        """
        return torch.tensor(self._vocabulary(self.WRITES).lengths())

    def example_inputs(self, count: int, steps: int | None = None) -> Tensor:
        """Made up: int64 (count, steps), always the same; each shorter by a token than the one before, and padded."""
        length = steps or self.sequence_length or 1
        generator = torch.Generator().manual_seed(count)
        tokens = torch.randint(NUM_SPECIAL, len(self._vocabulary(self.READS)), (count, length), generator=generator)
        ends = (length - torch.arange(count)).clamp(min=1)
        return tokens.masked_fill(torch.arange(length) >= ends[:, None], PADDING)

    # Lightning stores the state in a checkpoint, under the name of the class

    def state_dict(self) -> dict[str, Any]:
        return {
            **super().state_dict(),
            "vocabularies": {name: each.state() for name, each in self.vocabularies.items()},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the vocabularies of a run.

        Raises:
            DataError: others are in use already, and weights of one vocabulary know nothing of the other's numbers.
        """
        kept = state_dict.get("vocabularies", {})
        if self.vocabularies and self.state_dict()["vocabularies"] != kept:
            raise DataError(
                "the checkpoint's vocabulary is not that of the data;",
                "the text has changed since the run began, or its settings (data.tokens, data.min_count, ...) have;",
                "give the run its old text back, or start a new one.",
            )
        super().load_state_dict(state_dict)
        self.vocabularies = {name: from_state(each) for name, each in kept.items()}
        if self.READS in self.vocabularies:
            self.vocab_size = len(self.vocabularies[self.READS])

    # Tokens are numbers, but not those of a picture

    def prepare(self, x: Tensor, y: Tensor, key: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x, y

    def fit_normalization(self, splits: dict[str, Split]) -> None:
        pass

    def evaluation_batch_size(self) -> int:
        if self.eval_batch_size is not None:
            return self.eval_batch_size
        return max(self.batch_size, min(_EVAL_SAMPLES, _EVAL_TOKENS // (self.sequence_length or 1)))

    def _vocabulary(self, name: str) -> Vocabulary:
        if name not in self.vocabularies:
            self.setup()
        return self.vocabularies[name]


def padded(rows: Iterable[list[int]], length: int = 0) -> Tensor:
    """Rows of tokens as one int64 (N, T), padded at the end to the longest, or to ``length`` if that is more."""
    rows = list(rows)
    longest = max(length, *map(len, rows))
    return torch.tensor([row + [PADDING] * (longest - len(row)) for row in rows])


def _plain(tokens: Tensor | Iterable[int]) -> Iterable[int]:
    return tokens.tolist() if isinstance(tokens, Tensor) else tokens
