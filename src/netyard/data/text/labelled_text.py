"""Classified texts of the user's own: a CSV file with a column of texts and one of labels, or folders of files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from netyard.data.core.inputs import Inputs
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.text.labelled_rows import (
    Columns,
    LabelledRows,
    class_remark,
    columns_of,
    read_labelled,
    require_classes,
)
from netyard.data.text.text_facts import NO_SPACES, TextFacts, choose_length, text_remarks, without_spaces
from netyard.data.text.text_inputs import batches, texts_of
from netyard.data.text.tokens import TokenData, padded
from netyard.data.text.vocabulary import BytePairs, BytePairSize, Vocabulary, Words, learn_vocabulary
from netyard.errors import ConfigError, DataError
from netyard.ranges.bounds import Count


@dataclass(kw_only=True, eq=False, repr=False)
class LabelledText(TokenData):
    """x int64 (B, T), padded at the end; y int64 (B,), classes in the order of their sorted names.

    The splits are stratified by class. The vocabulary is built from the training split.

    Raises:
        DataError: see ``read_labelled`` and ``require_classes``.
    """

    GIVEN = ("path", "texts")

    path: str
    test_path: str | None = None
    """Another file, all texts of which are the test split. None: it is cut from ``path``."""
    val_path: str | None = None
    """The same for validation."""
    column: str | None = None
    """The column of the texts. None: ``text_column``, or guessed by its name and the length of its cells."""
    target: str | None = None
    """The column of the classes. None: ``label_column``, or guessed by its name and the number of different cells."""
    text_column: str | None = None
    """Another name of ``column``."""
    label_column: str | None = None
    """Another name of ``target``."""
    encoding: str | None = None
    """Of the files. None: UTF-8, or what a byte order mark says, or Windows-1252."""
    tokens: Literal["characters", "words", "bpe"] = "words"
    bpe_size: BytePairSize = 1024
    """Maximum size of the byte-pair vocabulary."""
    min_count: Count = 2
    """Rarer tokens are unknown; rarer byte pairs are not merged. Above 1, training has samples with unknown tokens."""
    lowercase: bool = True
    """Whether to convert texts to lower case."""
    sequence_length: Count | None = None
    """Longer texts are cut to so many tokens, at most the length of the longest. None: see ``choose_length``."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._guessed: dict[str, str] = {}
        self._notes: list[str] = []

    def facts(self) -> dict[str, Any]:
        # super().facts() reads the file, which sets the others.
        found = {**super().facts(), "num_classes": self.num_classes, "sequence_length": self.sequence_length}
        return {**found, **self._guessed}

    def encode(self, text: str) -> Tensor:
        return super().encode(self._lower(text))[: self.sequence_length]

    def inputs(self, where: str, column: str | None = None) -> Inputs:
        """Texts to predict: a column of a .csv or .tsv file, the lines of another file, or files of a folder.

        Raises:
            DataError: there is no such file or column, or it contains no text.
        """
        kind, names, texts = texts_of(where, column, self._columns().column, whole_files=True)
        return self._batches(texts, kind, names)

    def text_inputs(self, texts: Sequence[str]) -> Inputs:
        """Texts to predict, a row each."""
        return self._batches([text.strip() for text in texts], "row", ())

    def _batches(self, texts: Sequence[str], kind: str, names: Sequence[str]) -> Inputs:
        # Not ``self.encode``, which raises an error for unknown tokens: a prediction is possible with them.
        vocabulary, length = self._vocabulary(self.READS), self.sequence_length
        if length is None:  # of a checkpoint without its config
            self.setup()
            length = self.sequence_length or 1
        lowered = [self._lower(text) for text in texts]
        return batches(lowered, vocabulary.encode, length, self.evaluation_batch_size(), kind, names)

    def read(self) -> dict[str, Split]:
        rows = self._rows(self.path)
        self._require_one_source(rows)
        y = self._labels(rows)
        parts = self._parts(rows, y)
        train = parts["train"].tolist()

        if not self.vocabularies:  # after the splits: built from training texts only
            texts = [rows.texts[index] for index in train]
            self.vocabularies["text"] = self._learn(texts)
            self._notes += [NO_SPACES] if self.tokens == Words.kind and without_spaces(texts) else []
        vocabulary = self.vocabularies["text"]  # of a checkpoint, or built above
        # The beginning of a long text, without END: a classifier does not generate.
        encoded = [vocabulary.encode(text) for text in rows.texts]
        lengths: dict[str, Sequence[int]] = {
            name: [len(encoded[i]) for i in index.tolist()] for name, index in parts.items()
        }
        why = ""
        if self.sequence_length is None:
            self.sequence_length, why = choose_length(lengths["train"])
        # Of files that are only tested the length of training is kept.
        least = self.sequence_length if self.tests_all or why else 0
        x = padded((tokens[: self.sequence_length] for tokens in encoded), least)  # (N, T)
        self.vocab_size, self.sequence_length = len(vocabulary), x.shape[1]
        self.text_facts["text"] = TextFacts("sequence_length", self.sequence_length, why, lengths)
        cut = {name: TensorSplit(x[index], y[index]) for name, index in parts.items()}
        return {**cut, **self._read_separate(vocabulary)}

    def text_remarks(self) -> list[str]:
        remarks = [*self._notes, class_remark(self.class_names or []), *text_remarks(self.describe_texts())]
        return [each for each in dict.fromkeys(remarks) if each]

    def _read_separate(self, vocabulary: Vocabulary) -> dict[str, Split]:
        """The splits that have a file of their own, by the vocabulary, the classes and the length of training.

        Raises:
            DataError: a class is not that of training.
        """
        splits: dict[str, Split] = {}
        for name, path in self.separate.items():
            rows = self._rows(path, f"data.{name}_path")
            encoded = [vocabulary.encode(text) for text in rows.texts]
            self.text_facts["text"].lengths[name] = [*map(len, encoded)]
            length = self.sequence_length or 1
            x = padded((tokens[:length] for tokens in encoded), length)
            splits[name] = TensorSplit(x, self._labels(rows, known=True))
            self.sources[name] = path
        return splits

    def _columns(self) -> Columns:
        """The columns as the config names them."""
        return columns_of(vars(self))

    def _rows(self, path: str, key: str = "data.path") -> LabelledRows:
        """The texts and labels of a file or folder; what is guessed of that of training holds for the others."""
        rows = read_labelled(Path(path).expanduser(), self._columns(), key, self.encoding)
        if rows.guessed:
            self._notes.append(rows.guessed)
            given = self._columns()
            self._guessed = {
                key: name
                for key, name, known in (
                    ("column", rows.column, given.column),
                    ("target", rows.target, given.target),
                )
                if known is None
            }
            self.column, self.target = self.column or rows.column, self.target or rows.target
        for what, count, why in rows.left_out:
            self.leave_out(what, count, why)
        rows.texts = [self._lower(text) for text in rows.texts]
        return rows

    def _require_one_source(self, rows: LabelledRows) -> None:
        """Refuse parts that both a folder and a file of their own have.

        Raises:
            ConfigError: they do.
        """
        for name in self.separate:
            if name in rows.parts:
                raise ConfigError(
                    f"data.{name}_path is given, and {rows.place} has a folder for that part;",
                    "a part is read from one place;",
                    f"leave out data.{name}_path.",
                )

    def _parts(self, rows: LabelledRows, y: Tensor) -> dict[str, Tensor]:
        """The texts of each split, by the folders of the parts or cut: indices, int64."""
        if not rows.parts:
            return self.cut(y, str(rows.place))
        if self.tests_all:
            tested = torch.tensor(rows.parts.get("test") or [*range(len(rows.texts))])
            return self.everything(tested, str(rows.place))
        given = {name: torch.tensor(index) for name, index in rows.parts.items()}
        inside = given["train"]
        # The parts that no folder has are cut from the training texts.
        cut = self.splitter.indices(y[inside], None, [*given, *self.separate])
        parts = {
            **{name: inside[index] for name, index in cut.items()},
            **{n: i for n, i in given.items() if n != "train"},
        }
        self.sources = {name: str(rows.place / name) if name in given else self.splitter.source(name) for name in parts}
        parts["train"] = parts["train"][self._subset_of(y[parts["train"]])]
        return {name: parts[name] for name in ("train", "val", "test") if name in parts}

    def _learn(self, texts: list[str]) -> Vocabulary:
        # A word token includes the space before it: with this prefix, the first word of a text has the same token as
        # elsewhere.
        prefix = " " if self.tokens in (Words.kind, BytePairs.kind) else ""
        return learn_vocabulary(self.tokens, texts, self.min_count, self.bpe_size, prefix)

    def _labels(self, rows: LabelledRows, known: bool = False) -> Tensor:
        """The classes of the texts, int64 (N,); ``known``: of a file beside that of training."""
        names = sorted(set(rows.labels))  # sorted: labels must not depend on the order of the rows
        # A file that is only tested need not have every class.
        if not (self.class_names and set(names) <= set(self.class_names) and (known or self.tests_all)):
            if known or (self.tests_all and self.class_names):
                other = next(name for name in names if name not in (self.class_names or []))
                of_run = "the network was trained without" if self.tests_all else f"{self.path} does not have"
                raise DataError(
                    f"column {rows.target!r} of {rows.place} contains the class {other!r}, which {of_run};",
                    f"classes are {', '.join((self.class_names or [])[:20])};",
                    "drop those lines, or add some of that class for training.",
                )
            require_classes(rows, names, self._columns().target_key)
            if self.num_classes not in (None, len(names)):
                raise DataError(
                    f"column {rows.target!r} of {rows.place} contains {len(names)} classes;",
                    f"data.num_classes is {self.num_classes}, and must be their number;",
                    f"try data.num_classes={len(names)}.",
                )
            self.class_names, self.num_classes = names, len(names)
        numbers = {name: number for number, name in enumerate(self.class_names or [])}  # index() would be slow
        return torch.tensor([numbers[label] for label in rows.labels])

    def _lower(self, text: str) -> str:
        return text.lower() if self.lowercase else text
