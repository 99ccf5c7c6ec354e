"""The base class of all data sets of tokens: vocabularies stored in checkpoints, and batches without normalisation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from netyard.data.core.module import DataModule
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.text.text_facts import TextFacts, sentences
from netyard.data.text.vocabulary import NUM_SPECIAL, PADDING, UNKNOWN, Vocabulary, from_state
from netyard.errors import DataError

_EVAL_TOKENS = 2**16  # a default evaluation batch has up to this many tokens ...
_EVAL_SAMPLES = 1024  # ... and up to this many samples


@dataclass(kw_only=True, eq=False, repr=False)
class TokenData(DataModule):
    """Tokens, int64. ``read`` of a data set fills ``vocabularies``, unless they come from a checkpoint."""

    READS: ClassVar[str] = "text"
    """Name of the vocabulary of the network's input."""
    WRITES: ClassVar[str] = "text"
    """Name of the vocabulary of the network's output."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.vocabularies: dict[str, Vocabulary] = {}
        self.text_facts: dict[str, TextFacts] = {}
        """Facts of the texts in each vocabulary; ``read`` sets those of texts that are cut."""

    def facts(self) -> dict[str, Any]:
        self.setup()  # builds the vocabulary
        return {"vocab_size": self.vocab_size}

    def encode(self, text: str) -> Tensor:
        """The tokens (T,) of a text.

        Raises:
            DataError: it is empty, or contains tokens that are not in the vocabulary.
        """
        if not text:
            raise DataError("the text is empty;", "it needs at least one character;", "type some text.")
        return torch.tensor(self._vocabulary(self.READS).encode(text, strict=True))

    def decode(self, tokens: Tensor | Iterable[int]) -> str:
        """The text of output tokens: special tokens are left out, but UNKNOWN becomes �."""
        return self._vocabulary(self.WRITES).decode(_as_list(tokens))

    def token_lengths(self) -> Tensor:
        """The number of characters in each output token, for bits per character: int64 (vocab_size,).

        Special tokens have 0, UNKNOWN has 1; a byte-pair token counts the characters that begin in it.
        """
        return torch.tensor(self._vocabulary(self.WRITES).lengths())

    def example_inputs(self, count: int, steps: int | None = None) -> Tensor:
        """Synthetic inputs int64 (count, steps), the same at every call; each one token shorter than the previous."""
        length = steps or self.sequence_length or 1
        generator = torch.Generator().manual_seed(count)
        tokens = torch.randint(NUM_SPECIAL, len(self._vocabulary(self.READS)), (count, length), generator=generator)
        # Different lengths, so that an export that ignores padding differs from the network in the comparison.
        ends = (length - torch.arange(count)).clamp(min=1)
        return tokens.masked_fill(torch.arange(length) >= ends[:, None], PADDING)

    # What is told of the texts

    def summary(self) -> dict[str, Any]:
        """As ``DataModule.summary``, with ``texts``, see ``describe_texts``, and remarks about them."""
        found = super().summary()
        return {
            **found,
            "texts": self.describe_texts(),
            "remarks": [*found.get("remarks", []), *self.text_remarks()],
        }

    def describe_texts(self) -> dict[str, dict[str, Any]]:
        """Of each vocabulary: its kind and size, the share of unknown tokens in each split, the cut texts; a sentence.

        Of files that are only tested, the test split alone.
        """
        self.setup()
        found: dict[str, dict[str, Any]] = {}
        for name, vocabulary in self.vocabularies.items():
            if name not in (self.READS, self.WRITES):
                continue
            unknown = {part: self._unknown_share(split, name) for part, split in self._told_splits().items()}
            facts = self.text_facts.get(name, TextFacts()).record(list(unknown))
            found[name] = {"tokens": vocabulary.kind, "vocabulary": len(vocabulary.tokens), "unknown": unknown, **facts}
        told = sentences(found)
        return {name: {**each, "sentence": told[place]} for place, (name, each) in enumerate(found.items())}

    def text_remarks(self) -> list[str]:
        """Sentences about what is unusual in the texts."""
        return []

    def _told_splits(self) -> dict[str, Split]:
        """The splits that differ from each other."""
        names = ("test",) if self.tests_all else ("train", "val", "test")
        return {name: self._splits[name] for name in names if name in self._splits}

    def _unknown_share(self, split: Split, name: str) -> float:
        """The share of the tokens of a split that are unknown to the vocabulary of its inputs or its targets."""
        assert isinstance(split, TensorSplit)
        tokens = split.x if name == self.READS else split.y
        return int((tokens == UNKNOWN).sum()) / max(int((tokens > PADDING).sum()), 1)

    # Lightning stores the state in a checkpoint, under the name of the class

    def state_dict(self) -> dict[str, Any]:
        return {
            **super().state_dict(),
            "vocabularies": {name: each.state() for name, each in self.vocabularies.items()},
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Use the vocabularies of a checkpoint.

        Raises:
            DataError: the vocabularies of the data are already built, and differ from those of the checkpoint.
        """
        saved = state_dict.get("vocabularies", {})
        # The rows of an embedding belong to the token numbers of one vocabulary: with another, the network would read
        # other words, without any error.
        if self.vocabularies and self.state_dict()["vocabularies"] != saved:
            raise DataError(
                "the vocabulary of the checkpoint differs from that of the data;",
                "the text has changed since the run started, or a setting (data.tokens, data.min_count, ...) has;",
                "restore the old text, or start a new run.",
            )
        super().load_state_dict(state_dict)
        self.vocabularies = {name: from_state(each) for name, each in saved.items()}
        if self.READS in self.vocabularies:  # a checkpoint of other data may have none
            self.vocab_size = len(self.vocabularies[self.READS])

    # The base class takes integers for the pixels of images, and normalises them.

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
    """Rows of tokens as int64 (N, T), padded at the end to the longest row, or to ``length`` if that is more."""
    rows = list(rows)
    longest = max(length, *map(len, rows))  # one length for the whole data set: a tensor in memory, fixed shapes
    return torch.tensor([row + [PADDING] * (longest - len(row)) for row in rows])


def _as_list(tokens: Tensor | Iterable[int]) -> Iterable[int]:
    return tokens.tolist() if isinstance(tokens, Tensor) else tokens
