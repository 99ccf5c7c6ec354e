"""Numbers in English words: a small translation task whose results can be checked by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from netyard.data.core.inputs import Inputs
from netyard.data.core.keys import CONTENT, sample_keys, uniform
from netyard.data.core.splits import TEST_SEED, holdout
from netyard.data.core.tensors import Split, TensorSplit
from netyard.data.text.text_inputs import batches, texts_of
from netyard.data.text.tokens import TokenData, padded
from netyard.data.text.vocabulary import END, Characters, Vocabulary, Words
from netyard.errors import ConfigError
from netyard.ranges.bounds import Count, Ge, Index, Le

# fmt: off
UNITS = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]
# fmt: on
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_MIN, _MAX = 100, 999_999  # at least 100: smaller ranges leave too few numbers for three splits


def in_words(number: int) -> str:
    """A number from 0 to 999,999 in American English: with hyphens and without ``and``."""
    if number >= 1000:
        thousands, rest = divmod(number, 1000)
        return f"{in_words(thousands)} thousand" + (f" {in_words(rest)}" if rest else "")
    if number >= 100:
        hundreds, rest = divmod(number, 100)
        return f"{UNITS[hundreds]} hundred" + (f" {in_words(rest)}" if rest else "")
    if number >= 20:
        tens, unit = divmod(number, 10)
        return TENS[tens - 2] + (f"-{UNITS[unit]}" if unit else "")
    return UNITS[number]


@dataclass(kw_only=True, eq=False, repr=False)
class NumberWords(TokenData):
    """Pairs of a numeral, digit by digit, and its words: ``42`` and ``forty-two``.

    x int64 (B, S), the source, padded at its end; y int64 (B, T), the target, END and padding. All numbers differ, and
    each number of digits is equally frequent as far as there are such numbers. The vocabularies are fixed. Numbers of a
    single word are always in the training split, so that the other splits contain new numbers, but no new words.
    Numbers and splits do not depend on the run's seed.

    Raises:
        ConfigError: an unknown direction; ``size`` or ``max_number`` is out of range.
    """

    READS: ClassVar[str] = "source"
    WRITES: ClassVar[str] = "target"

    direction: Literal["to_words", "to_numerals"] = "to_words"
    size: Annotated[int, Ge(_MIN), Le(_MAX + 1)] = 20_000
    """Number of pairs in all splits together."""
    max_number: Annotated[int, Ge(_MIN), Le(_MAX)] = _MAX
    """Numbers are drawn from 0 to this one."""
    target_vocab_size: Count | None = None
    target_length: Count | None = None
    """Number of tokens of the longest target, including END."""
    start_token: Index = 2
    end_token: Index = END

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.size > self.max_number + 1:
            raise ConfigError(
                f"data.size is {self.size} and data.max_number {self.max_number};",
                f"all numbers differ, and there are {self.max_number + 1} from 0 to max_number;",
                f"try data.size={self.max_number + 1}, or data.max_number={_MAX}.",
            )
        # Word tokens include the space before them. A unit is also needed without it, after the hyphen of twenty-one.
        words = [f" {word}" for word in (*UNITS, *TENS, "hundred", "thousand")]
        # Fixed, not built from the training pairs: every digit and word is known from the start.
        english: Vocabulary = Words([*words, "-", *UNITS[1:10]], prefix=" ")
        numerals: Vocabulary = Characters("0123456789")
        source, target = (numerals, english) if self.direction == "to_words" else (english, numerals)
        self.vocabularies = {"source": source, "target": target}
        self.vocab_size, self.target_vocab_size = len(source), len(target)

    def facts(self) -> dict[str, Any]:
        self.setup()
        names = ("vocab_size", "target_vocab_size", "sequence_length", "target_length")
        return {name: getattr(self, name) for name in names}

    def decode_source(self, tokens: Tensor | Iterable[int]) -> str:
        """Source tokens as text; ``decode`` is for tokens of the target."""
        return self.vocabularies["source"].decode(tokens.tolist() if isinstance(tokens, Tensor) else tokens)

    def inputs(self, where: str, column: str | None = None) -> Inputs:
        """Texts to translate: the lines of a file, or a column of a .csv or .tsv file.

        Raises:
            DataError: there is no such file or column, or it contains no text.
        """
        return self.text_inputs(texts_of(where, column)[2])

    def text_inputs(self, texts: Sequence[str]) -> Inputs:
        """Texts to translate, a row each."""
        stripped = [text.strip() for text in texts]
        self.setup()  # for the length
        encode = self.vocabularies["source"].encode
        return batches(stripped, encode, self.sequence_length or 1, self.evaluation_batch_size())

    def read(self) -> dict[str, Split]:
        numbers = self._numbers()
        self.sources = {
            "train": f"numbers from 0 to {self.max_number:,}",
            **{name: self.splitter.source(name) for name in ("val", "test") if self.splitter.cuts(name)},
        }
        words = [in_words(number) for number in numbers.tolist()]
        numerals = [str(number) for number in numbers.tolist()]
        sources, targets = (numerals, words) if self.direction == "to_words" else (words, numerals)
        # Only targets end with END: the decoder must learn where to stop, and the encoder sees the padding.
        x = padded(self.vocabularies["source"].encode(text) for text in sources)
        y = padded([*self.vocabularies["target"].encode(text), END] for text in targets)
        self.sequence_length, self.target_length = x.shape[1], y.shape[1]

        single = torch.tensor([not set(" -") & set(text) for text in words])
        digits = torch.tensor([len(text) for text in numerals])  # stratifies the splits
        (known,), (compound,) = single.nonzero(as_tuple=True), (~single).nonzero(as_tuple=True)
        rest, parts = compound, {}
        for name, fraction, seed in (
            ("test", self.test_fraction, TEST_SEED),
            ("val", self.val_fraction, self.split_seed),
        ):
            if fraction:
                stays, goes = holdout(digits[rest], fraction, seed)
                rest, parts[name] = rest[stays], rest[goes]
        parts["train"] = torch.cat([known, rest])
        return {name: TensorSplit(x[parts[name]], y[parts[name]]) for name in ("train", "val", "test") if name in parts}

    def _numbers(self) -> Tensor:
        """Distinct numbers, int64 (size,), in a random order."""
        number = torch.arange(self.max_number + 1)
        digits = sum((number >= 10**place).long() for place in range(1, 6))  # minus 1
        # Uniform sampling would yield 90 % numbers of six digits. Weighted sampling without replacement: draw a time
        # from an exponential distribution whose rate is the weight, here 1 / (numbers of that length), and take the
        # earliest (Efraimidis & Spirakis 2006). 1 - uniform is in (0, 1], so that its logarithm is finite.
        time = -(1 - uniform(sample_keys(0, 0, number, CONTENT), 0).double()).log() * digits.bincount()[digits]
        return time.argsort(stable=True)[: self.size]
