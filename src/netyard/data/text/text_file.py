"""Continuous text for language modelling: the base class, and the user's own files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import torch
from torch import Tensor

from netyard.data.core.streams import StreamOrders
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.text.text_facts import NO_SPACES, text_remarks, without_spaces
from netyard.data.text.text_files import Documents, Part, cut_documents, joined, key_of_texts, read_documents, shown
from netyard.data.text.tokens import TokenData
from netyard.data.text.vocabulary import BytePairSize, Words, learn_vocabulary
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

    def __post_init__(self) -> None:
        super().__post_init__()
        self._spaceless = False

    def texts(self) -> dict[str, str]:
        """The text of the ``train``, ``val`` and ``test`` split."""
        raise NotImplementedError

    def read(self) -> dict[str, Split]:
        texts = self.texts()
        self._spaceless = self.tokens == Words.kind and without_spaces([texts["train"]])
        if not self.vocabularies:
            # Of the training split only: with the others, tokens of test texts would be known in advance.
            self.vocabularies["text"] = learn_vocabulary(
                self.tokens, [texts["train"]], min_count=self.min_count, bpe_size=self.bpe_size
            )
        vocabulary = self.vocabularies["text"]  # of a checkpoint, or built above
        self.vocab_size = len(vocabulary)
        return {name: next_tokens(torch.tensor(vocabulary.encode(text))) for name, text in texts.items()}

    def text_remarks(self) -> list[str]:
        return [*([NO_SPACES] if self._spaceless else []), *text_remarks(self.describe_texts())]

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
    """Text files, split in their order: training first, then validation, then test.

    Of several files each is whole in one split, if the splits then have nearly the sizes that are wanted: see
    ``cut_documents``. Between two files there is a line break.

    Raises:
        DataError: see ``read_documents``; or the text is too short for three splits.
    """

    GIVEN = ("path", "tokens")

    path: str | list[str]
    """A file, several, a folder, or a pattern such as ``books/*.txt``."""
    test_path: str | list[str] | None = None
    """Other files, all of which are the test split. None: the end of ``path``."""
    val_path: str | list[str] | None = None
    """The same for validation."""
    encoding: str | None = None
    """Of the files. None: UTF-8, or what a byte order mark says, or Windows-1252."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._remarks: list[str] = []

    @property
    def separate(self) -> dict[str, str]:
        return {name: shown(each) for name, each in self._separate_paths().items()}

    def files_key(self) -> str | None:
        if self._files_key is None:
            self._files_key = key_of_texts(self.path)
        return self._files_key

    def text_remarks(self) -> list[str]:
        return [*self._remarks, *super().text_remarks()]

    def texts(self) -> dict[str, str]:
        documents = self._documents(self.path, "data.path")
        if self.tests_all:
            return self.everything(joined(documents.texts), shown(self.path))
        separate = {name: self._documents(each, f"data.{name}_path") for name, each in self._separate_paths().items()}
        length = sum(map(len, documents.texts))
        if length < _MIN_TOKENS * (3 - len(separate)):
            raise DataError(
                f"{shown(self.path)} contains {length} character(s);",
                f"training, validation and test need {_MIN_TOKENS} each;",
                "add more text.",
            )
        # Characters, not tokens: the vocabulary is built from the training split, so the text is split before it is
        # tokenised.
        test_fraction = 0.0 if "test" in separate else self.test_fraction
        val_fraction = 0.0 if "val" in separate else self.val_fraction
        num_test = _held_out_length(length, test_fraction, 2 * _MIN_TOKENS)
        num_val = _held_out_length(length - num_test, val_fraction, _MIN_TOKENS)
        parts = cut_documents(documents.texts, [length - num_test - num_val, num_val, num_test])
        found = {name: part for name, part in zip(("train", "val", "test"), parts, strict=True) if part.text}
        self.sources = {name: _source(part, documents.paths) for name, part in found.items()}
        texts = {name: part.text for name, part in found.items()}
        for name, each in separate.items():
            texts[name] = joined(each.texts)
            self.sources[name] = shown(self._separate_paths()[name])
        return {name: texts[name] for name in ("train", "val", "test") if name in texts}

    def _separate_paths(self) -> dict[str, str | list[str]]:
        given = {"val": self.val_path, "test": self.test_path}
        return {name: each for name, each in given.items() if each is not None}

    def _documents(self, path: str | list[str], key: str) -> Documents:
        documents = read_documents(path, key, self.encoding)
        for what, count, why in documents.left_out:
            self.leave_out(what, count, why)
        self._remarks += [documents.note] if documents.note else []
        return documents


def _source(part: Part, paths: Sequence[Path]) -> str:
    """Where a split comes from, for the summary."""
    if len(paths) == 1:
        return f"characters {part.begin + 1:,} to {part.begin + part.size:,} of {paths[0]}"
    first, last = paths[part.first], paths[part.last]
    if part.first == part.last:
        whole = "" if part.whole else "a part of "
        return f"{part.size:,} characters, {whole}{first}"
    files = f"{part.last - part.first + 1:,} files, {first.name} to {last.name}"
    return f"{part.size:,} characters of {files}{'' if part.whole else ', not all of them whole'}"


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
