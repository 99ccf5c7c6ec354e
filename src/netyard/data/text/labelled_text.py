"""Texts of the user's own with a class each: a CSV file with a column of texts and one of labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from netyard.data.core.inputs import InputBatch, Inputs, read_lines
from netyard.data.core.table_inputs import require_columns
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.tables.csv_reader import Table, read_table
from netyard.data.text.tokens import TokenData, padded
from netyard.data.text.vocabulary import BytePairs, Vocabulary, Words, learn_vocabulary
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Count, Ge


@dataclass(kw_only=True, eq=False, repr=False)
class LabelledText(TokenData):
    """x int64 (B, T), padded at the end; y int64 (B,), classes in the order of their sorted names.

    Each part holds every class in its share. The vocabulary is learned from the training part.

    Raises:
        DataError: what ``read_table`` refuses; a column that is not there; an empty text or label; one class only.
    """

    path: str
    text_column: str = "text"
    label_column: str = "label"
    tokens: Literal["characters", "words", "bpe"] = "words"
    bpe_size: Annotated[int, Ge(260)] = 1024
    """Tokens of the byte-pair vocabulary, at most."""
    min_count: Count = 2
    """Rarer tokens are unknown; rarer byte pairs are not merged. Above 1, training knows what a stranger looks like."""
    lowercase: bool = True
    """Whether to read capitals as small letters."""
    sequence_length: Count | None = 256
    """The most tokens of a text that are read; becomes the longest text's, if that is shorter."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sequence_length is None or self.sequence_length < 1:
            raise ConfigError(
                f"data.sequence_length is {self.sequence_length};",
                "it must be at least 1;",
                "try data.sequence_length=256.",
            )

    def facts(self) -> dict[str, Any]:
        return {**super().facts(), "num_classes": self.num_classes, "sequence_length": self.sequence_length}

    def encode(self, text: str) -> Tensor:
        return super().encode(self._plain(text))[: self.sequence_length]

    def inputs(self, where: str) -> Inputs:
        """Texts of a user's own: the column of texts of a .csv or .tsv file, or the lines of any other.

        Raises:
            DataError: no such file, no such column, no text.
        """
        path = Path(where).expanduser()
        if path.suffix.lower() in (".csv", ".tsv"):
            table = read_table(path, "input")
            require_columns(table, [self.text_column])
            texts = _filled(table, self.text_column, "text_column")
        else:
            texts = read_lines(path)
        return Inputs("row", self._batches(texts, self.evaluation_batch_size()), len(texts))

    def _batches(self, texts: list[str], batch_size: int) -> Iterator[InputBatch]:
        vocabulary, length = self._vocabulary(self.READS), self.sequence_length or 0
        for first in range(0, len(texts), batch_size):
            part = texts[first : first + batch_size]
            x = padded((vocabulary.encode(self._plain(text))[:length] for text in part), length)
            yield InputBatch(range(first, first + len(part)), x)

    def read(self) -> dict[str, Split]:
        table = read_table(Path(self.path).expanduser())
        texts = [self._plain(text) for text in _filled(table, self.text_column, "text_column")]
        y = self._labels(table)
        parts = self.splitter.indices(y)

        if not self.vocabularies:
            self.vocabularies["text"] = self._learn([texts[index] for index in parts["train"].tolist()])
        vocabulary = self.vocabularies["text"]
        x = padded(vocabulary.encode(text)[: self.sequence_length] for text in texts)
        self.vocab_size, self.sequence_length = len(vocabulary), x.shape[1]
        return {name: TensorSplit(x[index], y[index]) for name, index in parts.items()}

    def _learn(self, texts: list[str]) -> Vocabulary:
        # With a space before it, a text's first word is the word that it is elsewhere.
        prefix = " " if self.tokens in (Words.kind, BytePairs.kind) else ""
        return learn_vocabulary(self.tokens, texts, self.min_count, self.bpe_size, prefix)

    def _labels(self, table: Table) -> Tensor:
        cells = _filled(table, self.label_column, "label_column")
        self.class_names = sorted(set(cells))
        if len(self.class_names) < 2:
            raise DataError(
                f"column {self.label_column!r} of {table.path} holds one class only, {cells[0]!r};",
                "a classification needs at least two;",
                "try another data.label_column.",
            )
        if self.num_classes not in (None, len(self.class_names)):
            raise DataError(
                f"column {self.label_column!r} of {table.path} holds {len(self.class_names)} classes;",
                f"data.num_classes is {self.num_classes} and counts them;",
                f"try data.num_classes={len(self.class_names)}.",
            )
        self.num_classes = len(self.class_names)
        numbers = {name: number for number, name in enumerate(self.class_names)}
        return torch.tensor([numbers[cell] for cell in cells])

    def _plain(self, text: str) -> str:
        return text.lower() if self.lowercase else text


def _filled(table: Table, name: str, key: str) -> list[str]:
    """A column without an empty cell; ``key`` is where the user names it."""
    cells = table.column(name, key)
    if "" in cells:
        raise DataError(
            f"column {name!r}, line {table.lines[cells.index('')]} of {table.path} is empty;",
            "every text and every label must hold something;",
            "fill or drop that line.",
        )
    return cells
