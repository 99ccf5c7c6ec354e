"""Continuous text for language modelling: the base class, and the user's own file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor

from netyard.data.core.streams import StreamOrders
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.text.tokens import TokenData
from netyard.data.text.vocabulary import BytePairSize, learn_vocabulary
from netyard.errors import DataError
from netyard.ranges.bounds import Count

NO_TARGET = -100
"""The default ``ignore_index`` of the losses of torch."""
_MIN_TOKENS = 2  # of a split: one to read and one to predict


@dataclass(kw_only=True, eq=False, repr=False)
class ContinuousText(TokenData):
    """Batches of chunks, x and y int64 (B, T): y is x shifted by one token.

    ``batch_size`` streams are read in parallel, ``sequence_length`` tokens at a time; row b of a batch continues row b
    of the previous batch, see ``streams``. A short text gives smaller batches. The vocabulary is built from the
    training split.
    """

    UNIT: ClassVar[str] = "tokens"

    tokens: Literal["characters", "words", "bpe"] = "characters"
    bpe_size: BytePairSize = 1024
    """Maximum size of the byte-pair vocabulary."""
    min_count: Count = 1
    """Rarer tokens are unknown; rarer byte pairs are not merged."""
    sequence_length: Count | None = 128
    eval_batch_size: Count | None = None
    """Number of streams in evaluation, each of which starts without context. None: ``batch_size``."""

    def texts(self) -> dict[str, str]:
        """The text of the ``train``, ``val`` and ``test`` split."""
        raise NotImplementedError

    def read(self) -> dict[str, Split]:
        texts = self.texts()
        if not self.vocabularies:
            # Of the training split only: with the others, tokens of test texts would be known in advance.
            self.vocabularies["text"] = learn_vocabulary(
                self.tokens, [texts["train"]], min_count=self.min_count, bpe_size=self.bpe_size
            )
        vocabulary = self.vocabularies["text"]  # of a checkpoint, or built above
        self.vocab_size = len(vocabulary)
        return {name: next_tokens(torch.tensor(vocabulary.encode(text))) for name, text in texts.items()}

    def check_split(self, name: str, split: Split) -> None:
        # Not the check of the base class: tokens are valid by construction, and targets include NO_TARGET.
        if len(split) < _MIN_TOKENS:
            raise DataError(
                f"the {name} split of the text has {len(split)} token(s);",
                f"a split needs {_MIN_TOKENS}, one to read and one to predict;",
                "try a longer text, or data.tokens=characters.",
            )

    def orders(self) -> StreamOrders:
        # As many streams as in training by default: each starts without context, so more streams raise the loss.
        streams = self.eval_batch_size or self.batch_size
        return StreamOrders(self.batch_size, streams, self.sequence_length or 1, self.seed)


@dataclass(kw_only=True, eq=False, repr=False)
class TextFile(ContinuousText):
    """A file of UTF-8 text, split in its order: training first, then validation, then test.

    Raises:
        DataError: the file is missing, empty, not UTF-8, or too short for three splits.
    """

    GIVEN = ("path", "tokens")

    path: str

    def texts(self) -> dict[str, str]:
        path = Path(self.path).expanduser()
        text = _read(path)
        if self.tests_all:
            return self.everything(text, str(path))
        if len(text) < 3 * _MIN_TOKENS:
            raise DataError(
                f"{path} contains {len(text)} character(s);",
                f"training, validation and test need {_MIN_TOKENS} each;",
                "add more text.",
            )
        # Characters, not tokens: the vocabulary is built from the training split, so the text is split before it is
        # tokenised.
        num_test = _held_out_length(len(text), self.test_fraction, 2 * _MIN_TOKENS)
        num_val = _held_out_length(len(text) - num_test, self.val_fraction, _MIN_TOKENS)
        first, second = len(text) - num_test - num_val, len(text) - num_test
        bounds = {"train": (0, first), "val": (first, second), "test": (second, len(text))}
        self.sources = {name: f"characters {begin + 1:,} to {end:,} of {path}" for name, (begin, end) in bounds.items()}
        return {name: text[begin:end] for name, (begin, end) in bounds.items() if end > begin}


def next_tokens(tokens: Tensor) -> TensorSplit:
    """Tokens (N,) as inputs, and the next token of each as its target; the last one has ``NO_TARGET``."""
    return TensorSplit(tokens, torch.cat([tokens[1:], tokens.new_tensor([NO_TARGET])]))


def _held_out_length(length: int, fraction: float, min_rest: int) -> int:
    """How many of ``length`` characters to hold out: at least two, and so many that at least ``min_rest`` remain.

    None with a fraction of 0.
    """
    if not fraction:
        return 0
    return min(max(round(length * fraction), _MIN_TOKENS), length - min_rest)


def _read(path: Path) -> str:
    """The text of a file, with every line end as one newline.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")  # without a byte order mark, which would be a token
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not UTF-8 text (byte {error.start})"
        raise DataError(
            f"{path} cannot be read: {reason};",
            "data.path is a text file in UTF-8;",
            "try data.path=FILE, or data=python_source, which needs no file.",
        ) from error
