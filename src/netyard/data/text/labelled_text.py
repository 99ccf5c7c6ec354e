"""Classified texts of the user's own: a CSV file with a column of texts and a column of labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from netyard.data.core.inputs import InputBatch, Inputs, read_lines
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.tables.csv_reader import Table, read_table, require_columns
from netyard.data.text.tokens import TokenData, padded
from netyard.data.text.vocabulary import BytePairs, BytePairSize, Vocabulary, Words, learn_vocabulary
from netyard.errors import DataError
from netyard.ranges.bounds import Count


@dataclass(kw_only=True, eq=False, repr=False)
class LabelledText(TokenData):
    """x int64 (B, T), padded at the end; y int64 (B,), classes in the order of their sorted names.

    The splits are stratified by class. The vocabulary is built from the training split.

    Raises:
        DataError: the errors of ``read_table``; a missing column; an empty text or label; a single class.
    """

    GIVEN = ("path", "texts")

    path: str
    test_path: str | None = None
    """Another file, all texts of which are the test split. None: it is cut from ``path``."""
    val_path: str | None = None
    """The same for validation."""
    text_column: str = "text"
    label_column: str = "label"
    tokens: Literal["characters", "words", "bpe"] = "words"
    bpe_size: BytePairSize = 1024
    """Maximum size of the byte-pair vocabulary."""
    min_count: Count = 2
    """Rarer tokens are unknown; rarer byte pairs are not merged. Above 1, training has samples with unknown tokens."""
    lowercase: bool = True
    """Whether to convert texts to lower case."""
    sequence_length: Count = 256
    """Longer texts are truncated to so many tokens; reduced to the length of the longest text."""

    def facts(self) -> dict[str, Any]:
        # super().facts() reads the file, which sets the other two.
        return {**super().facts(), "num_classes": self.num_classes, "sequence_length": self.sequence_length}

    def encode(self, text: str) -> Tensor:
        return super().encode(self._lower(text))[: self.sequence_length]

    def inputs(self, where: str) -> Inputs:
        """Texts to predict: the column of texts of a .csv or .tsv file, or the lines of any other file.

        Raises:
            DataError: there is no such file or column, or it contains no text.
        """
        path = Path(where).expanduser()
        if path.suffix.lower() in (".csv", ".tsv"):
            table = read_table(path, "input")
            require_columns(table, [self.text_column])
            texts = _nonempty_cells(table, self.text_column, "text_column")
        else:
            texts = read_lines(path)
        return Inputs("row", self._batches(texts, self.evaluation_batch_size()), len(texts))

    def _batches(self, texts: list[str], batch_size: int) -> Iterator[InputBatch]:
        vocabulary, length = self._vocabulary(self.READS), self.sequence_length
        for first in range(0, len(texts), batch_size):
            part = texts[first : first + batch_size]
            # Padded to the length of training, so that the result does not depend on the other texts of the batch.
            # Not ``self.encode``, which raises an error for unknown tokens: a prediction is possible with them.
            x = padded((vocabulary.encode(self._lower(text))[:length] for text in part), length)
            yield InputBatch(range(first, first + len(part)), x)

    def read(self) -> dict[str, Split]:
        table, texts = self._table(self.path)
        y = self._labels(table)
        parts = self.cut(y, str(table.path))

        if not self.vocabularies:  # after the splits: built from training texts only
            self.vocabularies["text"] = self._learn([texts[index] for index in parts["train"].tolist()])
        vocabulary = self.vocabularies["text"]  # of a checkpoint, or built above
        # The beginning of a long text, without END: a classifier does not generate.
        length = self.sequence_length if self.tests_all else 0  # of training
        x = padded((vocabulary.encode(text)[: self.sequence_length] for text in texts), length)  # (N, T)
        self.vocab_size, self.sequence_length = len(vocabulary), x.shape[1]
        cut = {name: TensorSplit(x[index], y[index]) for name, index in parts.items()}
        return {**cut, **self._read_separate(vocabulary)}

    def _read_separate(self, vocabulary: Vocabulary) -> dict[str, Split]:
        """The splits that have a file of their own, by the vocabulary, the classes and the length of training.

        Raises:
            DataError: a class is not that of training.
        """
        splits: dict[str, Split] = {}
        for name, path in self.separate.items():
            table, texts = self._table(path, f"{name}_path")
            length = self.sequence_length
            x = padded((vocabulary.encode(text)[:length] for text in texts), length)
            splits[name] = TensorSplit(x, self._labels(table, known=True))
            self.sources[name] = path
        return splits

    def _table(self, path: str, key: str = "path") -> tuple[Table, list[str]]:
        table = read_table(Path(path).expanduser(), f"data.{key}")
        return table, [self._lower(text) for text in _nonempty_cells(table, self.text_column, "text_column")]

    def _learn(self, texts: list[str]) -> Vocabulary:
        # A word token includes the space before it: with this prefix, the first word of a text has the same token as
        # elsewhere.
        prefix = " " if self.tokens in (Words.kind, BytePairs.kind) else ""
        return learn_vocabulary(self.tokens, texts, self.min_count, self.bpe_size, prefix)

    def _labels(self, table: Table, known: bool = False) -> Tensor:
        """The classes of the texts, int64 (N,); ``known``: of a file beside that of training."""
        cells = _nonempty_cells(table, self.label_column, "label_column")
        names = sorted(set(cells))  # sorted: labels must not depend on the order of the rows
        # A file that is only tested need not have every class.
        if self.class_names and set(names) <= set(self.class_names) and (known or self.tests_all):
            numbers = {name: number for number, name in enumerate(self.class_names)}
            return torch.tensor([numbers[cell] for cell in cells])
        if known:
            other = next(name for name in names if name not in (self.class_names or []))
            raise DataError(
                f"column {self.label_column!r} of {table.path} contains the class {other!r}, which {self.path} does"
                " not have;",
                f"classes are {', '.join((self.class_names or [])[:20])};",
                "drop those lines, or add some of that class for training.",
            )
        self.class_names = names
        if len(self.class_names) < 2:
            raise DataError(
                f"column {self.label_column!r} of {table.path} contains only one class, {cells[0]!r};",
                "a classification needs at least two;",
                "try another data.label_column.",
            )
        if self.num_classes not in (None, len(self.class_names)):
            raise DataError(
                f"column {self.label_column!r} of {table.path} contains {len(self.class_names)} classes;",
                f"data.num_classes is {self.num_classes}, and must be their number;",
                f"try data.num_classes={len(self.class_names)}.",
            )
        self.num_classes = len(self.class_names)
        numbers = {name: number for number, name in enumerate(self.class_names)}  # index() would be slow for many rows
        return torch.tensor([numbers[cell] for cell in cells])

    def _lower(self, text: str) -> str:
        return text.lower() if self.lowercase else text


def _nonempty_cells(table: Table, name: str, key: str) -> list[str]:
    """The cells of a column; ``key`` is the config key that names it.

    Raises:
        DataError: a cell is empty.
    """
    cells = table.column(name, key)
    if "" in cells:
        raise DataError(
            f"column {name!r}, line {table.lines[cells.index('')]} of {table.path} is empty;",
            "every sample needs a text and a label;",
            "fill or drop that line.",
        )
    return cells
