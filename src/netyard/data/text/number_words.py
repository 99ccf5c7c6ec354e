"""Numbers in English words: a small translation whose every answer can be checked by hand."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from torch import Tensor

from netyard.data.core.keys import CONTENT, sample_keys, uniform
from netyard.data.core.splits import TEST_SEED, holdout
from netyard.data.core.tensors import Split, TensorSplit
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
_LEAST, _MOST = 100, 999_999


def in_words(number: int) -> str:
    """A number of 0 to 999,999 as Americans write it: with hyphens and without ``and``."""
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

    x int64 (B, S), the source, padded at its end; y int64 (B, T), the target, END and padding. Numbers differ, and are
    as often of one length as of another while they last. The language's few tokens are all known before any pair. So
    that the held-out pairs ask for new numbers and not for new words, numbers of a single word train. Numbers and parts
    do not depend on the run's seed.

    Raises:
        ConfigError: a direction, a size or a largest number that is none.
    """

    READS: ClassVar[str] = "source"
    WRITES: ClassVar[str] = "target"

    direction: Literal["to_words", "to_numerals"] = "to_words"
    size: Annotated[int, Ge(_LEAST), Le(_MOST + 1)] = 20_000
    """Pairs in all, before test and validation are cut."""
    max_number: Annotated[int, Ge(_LEAST), Le(_MOST)] = _MOST
    """The largest number there may be."""
    target_vocab_size: Count | None = None
    target_length: Count | None = None
    """Tokens of the longest target, its END included."""
    start_token: Index = 2
    end_token: Index = END

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.direction not in ("to_words", "to_numerals"):
            raise ConfigError(
                f"data.direction is {self.direction!r};",
                "numbers are translated to_words or to_numerals;",
                "try data.direction=to_words.",
            )
        if not _LEAST <= self.max_number <= _MOST or not _LEAST <= self.size <= self.max_number + 1:
            raise ConfigError(
                f"data.size is {self.size} and data.max_number {self.max_number};",
                f"max_number is {_LEAST} to {_MOST}, and size {_LEAST} to as many as there are numbers;",
                f"try data.size=20000 data.max_number={_MOST}.",
            )
        # A unit follows a space, or the hyphen of a compound.
        words = [f" {word}" for word in (*UNITS, *TENS, "hundred", "thousand")]
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
        """Source tokens as text, as ``decode`` does for those of a target."""
        return self.vocabularies["source"].decode(tokens.tolist() if isinstance(tokens, Tensor) else tokens)

    def read(self) -> dict[str, Split]:
        numbers = self._numbers()
        words = [in_words(number) for number in numbers.tolist()]
        numerals = [str(number) for number in numbers.tolist()]
        sources, targets = (numerals, words) if self.direction == "to_words" else (words, numerals)
        x = padded(self.vocabularies["source"].encode(text) for text in sources)
        y = padded([*self.vocabularies["target"].encode(text), END] for text in targets)
        self.sequence_length, self.target_length = x.shape[1], y.shape[1]

        single = torch.tensor([not set(" -") & set(text) for text in words])
        digits = torch.tensor([len(text) for text in numerals])
        (known,), (compound,) = single.nonzero(as_tuple=True), (~single).nonzero(as_tuple=True)
        stays, test = holdout(digits[compound], self.test_fraction, TEST_SEED)
        rest = compound[stays]
        stays, val = holdout(digits[rest], self.val_fraction, self.split_seed)
        parts = {"train": torch.cat([known, rest[stays]]), "val": rest[val], "test": compound[test]}
        return {name: TensorSplit(x[index], y[index]) for name, index in parts.items()}

    def _numbers(self) -> Tensor:
        """Distinct numbers, int64 (size,), in a random order."""
        number = torch.arange(self.max_number + 1)
        digits = sum((number >= 10**place).long() for place in range(1, 6))
        # Weighted sampling without replacement: the first arrivals of exponential clocks that tick as fast as numbers
        # of that length are rare (Efraimidis & Spirakis 2006).
        clock = -(1 - uniform(sample_keys(0, 0, number, CONTENT), 0).double()).log() * digits.bincount()[digits]
        return clock.argsort(stable=True)[: self.size]
