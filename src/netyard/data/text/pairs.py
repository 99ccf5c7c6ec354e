"""Parallel texts of the user's own, for translation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from netyard.data.core.inputs import Inputs
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.text.pair_rows import Pairs, read_pairs
from netyard.data.text.text_facts import NO_SPACES, TextFacts, choose_length, text_remarks, without_spaces
from netyard.data.text.text_inputs import batches, texts_of
from netyard.data.text.tokens import TokenData, padded
from netyard.data.text.vocabulary import (
    END,
    BytePairs,
    BytePairSize,
    Vocabulary,
    Words,
    learn_vocabulary,
)
from netyard.ranges.bounds import Count, Index


@dataclass(kw_only=True, eq=False, repr=False)
class SentencePairs(TokenData):
    """x int64 (B, S), the source, padded at its end; y int64 (B, T), the target, END and padding.

    Pairs with the same source are in one split. The vocabularies are built from the training pairs. A target that is
    cut has no END.

    Raises:
        DataError: see ``read_pairs``.
    """

    GIVEN = ("path", "pairs")
    READS: ClassVar[str] = "source"
    WRITES: ClassVar[str] = "target"

    path: str
    target_path: str | None = None
    """A file whose lines are the targets of the lines of ``path``. None: ``path`` has both."""
    test_path: str | None = None
    """Another file, all pairs of which are the test split. None: it is cut from ``path``."""
    val_path: str | None = None
    """The same for validation."""
    source: str | None = None
    """The column of the sources. None: the first."""
    target: str | None = None
    """The column of the targets. None: the second."""
    encoding: str | None = None
    """Of the files. None: UTF-8, or what a byte order mark says, or Windows-1252."""
    tokens: Literal["characters", "words", "bpe"] = "words"
    bpe_size: BytePairSize = 1024
    """Maximum size of each byte-pair vocabulary."""
    min_count: Count = 1
    """Rarer tokens are unknown; rarer byte pairs are not merged."""
    lowercase: bool = False
    """Whether to convert texts to lower case."""
    sequence_length: Count | None = None
    """Longer sources are cut to so many tokens. None: see ``choose_length``."""
    target_vocab_size: Count | None = None
    target_length: Count | None = None
    """Longer targets are cut to so many tokens, END included. None: see ``choose_length``."""
    start_token: Index = 2
    end_token: Index = END

    def __post_init__(self) -> None:
        super().__post_init__()
        self._remarks: list[str] = []

    def facts(self) -> dict[str, Any]:
        self.setup()
        names = ("vocab_size", "target_vocab_size", "sequence_length", "target_length")
        return {name: getattr(self, name) for name in names}

    def encode(self, text: str) -> Tensor:
        return super().encode(self._lower(text))[: self.sequence_length]

    def decode_source(self, tokens: Tensor | Iterable[int]) -> str:
        """Source tokens as text; ``decode`` is for tokens of the target."""
        return self._vocabulary(self.READS).decode(tokens.tolist() if isinstance(tokens, Tensor) else tokens)

    def text_remarks(self) -> list[str]:
        return [*dict.fromkeys([*self._remarks, *text_remarks(self.describe_texts())])]

    def inputs(self, where: str, column: str | None = None) -> Inputs:
        """Texts to translate: the column of sources of a .csv or .tsv file, or the lines of another file.

        Raises:
            DataError: there is no such file or column, or it contains no text.
        """
        return self.text_inputs(texts_of(where, column, self.source)[2])

    def text_inputs(self, texts: Sequence[str]) -> Inputs:
        """Texts to translate, a row each."""
        vocabulary = self._vocabulary(self.READS)
        lowered = [self._lower(text.strip()) for text in texts]
        return batches(lowered, vocabulary.encode, self.sequence_length or 1, self.evaluation_batch_size())

    def read(self) -> dict[str, Split]:
        pairs = self._pairs(self.path, self.target_path)
        parts = self._parts(pairs)
        train = parts["train"].tolist()
        if not self.vocabularies:
            sides = {"source": pairs.sources, "target": pairs.targets}
            self.vocabularies = {name: self._learn([side[i] for i in train]) for name, side in sides.items()}
        self.vocab_size, self.target_vocab_size = (len(self.vocabularies[name]) for name in ("source", "target"))
        sources, targets = self._encoded(pairs)
        rows = {name: index.tolist() for name, index in parts.items()}
        lengths = [{name: [len(side[i]) for i in index] for name, index in rows.items()} for side in (sources, targets)]
        whys = ["", ""]
        if self.sequence_length is None:
            self.sequence_length, whys[0] = choose_length(lengths[0]["train"])
        if self.target_length is None:
            self.target_length, whys[1] = choose_length(lengths[1]["train"])
        self.text_facts = {
            "source": TextFacts("sequence_length", self.sequence_length, whys[0], {**lengths[0]}),
            "target": TextFacts("target_length", self.target_length, whys[1], {**lengths[1]}),
        }
        splits: dict[str, Split] = {
            name: self._split([sources[i] for i in index], [targets[i] for i in index]) for name, index in rows.items()
        }
        for name, path in self.separate.items():
            sources, targets = self._encoded(self._pairs(path, None, f"data.{name}_path"))
            self.text_facts["source"].lengths[name] = [*map(len, sources)]
            self.text_facts["target"].lengths[name] = [*map(len, targets)]
            splits[name], self.sources[name] = self._split(sources, targets), path
        return splits

    def _split(self, sources: Sequence[list[int]], targets: Sequence[list[int]]) -> TensorSplit:
        S, T = self.sequence_length or 1, self.target_length or 1
        return TensorSplit(padded([each[:S] for each in sources], S), padded([each[:T] for each in targets], T))

    def _pairs(self, path: str, target_path: str | None, key: str = "data.path") -> Pairs:
        second = None if target_path is None else Path(target_path).expanduser()
        pairs = read_pairs(Path(path).expanduser(), second, self.source, self.target, key, self.encoding)
        for what, count, why in pairs.left_out:
            self.leave_out(what, count, why)
        self._remarks += pairs.notes
        pairs.sources, pairs.targets = [*map(self._lower, pairs.sources)], [*map(self._lower, pairs.targets)]
        return pairs

    def _parts(self, pairs: Pairs) -> dict[str, Tensor]:
        # Pairs of one source would otherwise be in training and in the test: then with groups, which are slower to cut.
        repeated = len(pairs.sources) - len(set(pairs.sources))
        if repeated and not self.tests_all:
            self._remarks.append(
                f"{repeated:,} pairs have the source of another one: those of a source are in one split"
            )
        labels = torch.zeros(len(pairs.sources), dtype=torch.long)
        return self.cut(labels, pairs.place, pairs.sources if repeated else None)

    def _encoded(self, pairs: Pairs) -> tuple[list[list[int]], list[list[int]]]:
        source, target = self.vocabularies["source"], self.vocabularies["target"]
        # Only targets end with END: the decoder must learn where to stop, and the encoder sees the padding.
        return [*map(source.encode, pairs.sources)], [[*target.encode(text), END] for text in pairs.targets]

    def _learn(self, texts: list[str]) -> Vocabulary:
        if self.tokens == Words.kind and without_spaces(texts):
            self._remarks.append(NO_SPACES)
        prefix = " " if self.tokens in (Words.kind, BytePairs.kind) else ""
        return learn_vocabulary(self.tokens, texts, self.min_count, self.bpe_size, prefix)

    def _lower(self, text: str) -> str:
        return text.lower() if self.lowercase else text
