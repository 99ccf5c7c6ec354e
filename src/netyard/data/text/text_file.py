"""Continuous text for language modelling: the user's own file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor

from netyard.data.core.streams import StreamOrders
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.text.tokens import TokenData
from netyard.data.text.vocabulary import learn_vocabulary
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Count, Ge

NO_TARGET = -100
"""What the losses of torch pass over."""
_FEWEST = 2  # tokens of a part: one to read and one to predict


@dataclass(kw_only=True, eq=False, repr=False)
class ContinuousText(TokenData):
    """Batches of chunks, x and y int64 (B, T): y are the tokens that follow those of x.

    ``batch_size`` streams are read in parallel, ``sequence_length`` tokens at a time; row b of a batch continues row b
    of the one before, see ``streams``. A text too short for that gives smaller batches. The vocabulary is learned from
    the training part.
    """

    tokens: Literal["characters", "words", "bpe"] = "characters"
    bpe_size: Annotated[int, Ge(260)] = 1024
    """Tokens of the byte-pair vocabulary, at most."""
    min_count: Count = 1
    """Rarer tokens are unknown; rarer byte pairs are not merged."""
    sequence_length: Count | None = 128
    eval_batch_size: Count | None = None
    """Streams of an evaluation, each of which begins without a past. None: ``batch_size``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, fraction in (("test_fraction", self.test_fraction), ("val_fraction", self.val_fraction)):
            if not 0 < fraction < 1:
                raise ConfigError(
                    f"data.{name} is {fraction};", "it must be above 0 and below 1;", f"try data.{name}=0.1."
                )

    def texts(self) -> dict[str, str]:
        """The ``train``, ``val`` and ``test`` part."""
        raise NotImplementedError

    def read(self) -> dict[str, Split]:
        texts = self.texts()
        if not self.vocabularies:
            self.vocabularies["text"] = learn_vocabulary(
                self.tokens, [texts["train"]], min_count=self.min_count, bpe_size=self.bpe_size
            )
        vocabulary = self.vocabularies["text"]
        self.vocab_size = len(vocabulary)
        return {name: following(torch.tensor(vocabulary.encode(text))) for name, text in texts.items()}

    def check_split(self, name: str, split: Split) -> None:
        if len(split) < _FEWEST:
            raise DataError(
                f"the {name} part of the text has {len(split)} token(s);",
                f"a part needs {_FEWEST}, one to read and one to predict;",
                "try a longer text, or data.tokens=characters.",
            )

    def orders(self) -> StreamOrders:
        streams = self.eval_batch_size or self.batch_size
        return StreamOrders(self.batch_size, streams, self.sequence_length or 1, self.seed)


@dataclass(kw_only=True, eq=False, repr=False)
class TextFile(ContinuousText):
    """A file of UTF-8 text, cut in its own order: the first part trains, the next validates, the last tests.

    Raises:
        DataError: it is missing, empty, not UTF-8, or too short to be cut.
    """

    path: str

    def texts(self) -> dict[str, str]:
        path = Path(self.path).expanduser()
        text = _read(path)
        if len(text) < 3 * _FEWEST:
            raise DataError(
                f"{path} holds {len(text)} character(s);",
                f"training, validation and test need {_FEWEST} each;",
                "give it more text.",
            )
        num_test = _share(len(text), self.test_fraction, 2 * _FEWEST)
        num_val = _share(len(text) - num_test, self.val_fraction, _FEWEST)
        first, second = len(text) - num_test - num_val, len(text) - num_test
        return {"train": text[:first], "val": text[first:second], "test": text[second:]}


def following(tokens: Tensor) -> TensorSplit:
    """Tokens (N,) as inputs, and the next token of each as its target; the last has none."""
    return TensorSplit(tokens, torch.cat([tokens[1:], tokens.new_tensor([NO_TARGET])]))


def _share(length: int, fraction: float, stays: int) -> int:
    """How many characters are held out: two at least, and ``stays`` at least are not."""
    return min(max(round(length * fraction), _FEWEST), length - stays)


def _read(path: Path) -> str:
    """The text of a file, every line end as one newline.

    Raises:
        DataError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else f"it is not UTF-8 text (byte {error.start})"
        raise DataError(
            f"{path} cannot be read: {reason};",
            "data.path is a file of text, in UTF-8;",
            "try data.path=FILE, or data=python_source for a text that is here already.",
        ) from error
