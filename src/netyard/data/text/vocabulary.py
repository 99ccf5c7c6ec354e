"""Vocabularies: a text as numbers and back, by characters, by words, or by byte pairs.

A vocabulary is learned from the training text alone. Its state is strings and lists, so that a checkpoint can hold it.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, ClassVar

from netyard.errors import ConfigError, DataError

PADDING, UNKNOWN, START, END = range(4)
NUM_SPECIAL = 4
"""Real tokens follow the special ones."""

_NAMED = 5  # unknown tokens that a message lists
_SHOWN = 60  # characters of known tokens that it shows


class Vocabulary:
    """Tokens numbered from NUM_SPECIAL on.

    Args:
        tokens: the real ones, in the order of their numbers.
        prefix: put before every text and taken off again. A space makes a text's first word look like any other; but
            where texts are continued, ``decode`` of two parts must be the two parts decoded, and there is none.
    """

    kind: ClassVar[str]

    def __init__(self, tokens: Sequence[str], prefix: str = "") -> None:
        self.tokens, self.prefix = list(tokens), prefix
        self._numbers = {token: number for number, token in enumerate(self.tokens, start=NUM_SPECIAL)}

    @staticmethod
    def split(text: str) -> list[str]:
        """The text as the strings that may be tokens; joined they are the text."""
        raise NotImplementedError

    @classmethod
    def learn(cls, texts: Iterable[str], min_count: int = 1, prefix: str = "") -> Vocabulary:
        """The tokens that the texts hold at least ``min_count`` times, frequent ones first.

        Raises:
            DataError: there are none.
        """
        counts = Counter(chain.from_iterable(cls.split(prefix + text) for text in texts))
        kept = [token for token, count in counts.items() if count >= min_count]
        if not kept:
            raise DataError(
                f"the training text holds no {cls.kind} {min_count} times;",
                "a vocabulary needs one at least;",
                "try data.min_count=1, or a longer text.",
            )
        return cls(sorted(kept, key=lambda token: (-counts[token], token)), prefix)

    def __len__(self) -> int:
        return NUM_SPECIAL + len(self.tokens)

    def encode(self, text: str, strict: bool = False) -> list[int]:
        """The numbers of a text's tokens; UNKNOWN for a token outside the vocabulary, unless ``strict``.

        Raises:
            DataError: ``strict``, and the text holds tokens that the vocabulary does not have.
        """
        pieces = self.split(self.prefix + text)
        numbers = [self._numbers.get(piece, UNKNOWN) for piece in pieces]
        if strict and UNKNOWN in numbers:
            raise self._unknown_tokens(dict.fromkeys(piece for piece in pieces if piece not in self._numbers))
        return numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of tokens: special ones are left out, but UNKNOWN is �."""
        return "".join(self._text(number) for number in numbers).removeprefix(self.prefix)

    def lengths(self) -> list[int]:
        """How many characters begin in each token, special ones included: 0, and 1 for UNKNOWN."""
        return [0, 1, 0, 0, *map(len, self.tokens)]

    def state(self) -> dict[str, Any]:
        """The state in plain types; ``from_state`` restores it."""
        return {"kind": self.kind, "tokens": self.tokens, "prefix": self.prefix}

    def _unknown_tokens(self, pieces: Iterable[str]) -> DataError:
        # By repr: an unknown character may not be printable.
        named = [repr(piece.strip() or piece) for piece in pieces]
        shown = " ".join(token.strip() for token in self.tokens if token.strip() and token.isprintable())
        return DataError(
            f"the text holds {', '.join(named[:_NAMED])}{', ...' * (len(named) > _NAMED)}, not in the vocabulary;",
            f"its {len(self.tokens)} {self.kind} are {shown[:_SHOWN]}{' ...' * (len(shown) > _SHOWN)};",
            "leave the others out.",
        )

    def _text(self, number: int) -> str:
        return self.tokens[number - NUM_SPECIAL] if number >= NUM_SPECIAL else "�" if number == UNKNOWN else ""


class Characters(Vocabulary):
    """A token is a Unicode character."""

    kind = "characters"

    @staticmethod
    def split(text: str) -> list[str]:
        return list(text)


class Words(Vocabulary):
    """A token is a word or a punctuation mark with the space before it, or any other white space: nothing is lost."""

    kind = "words"

    @staticmethod
    def split(text: str) -> list[str]:
        return _WORD.findall(text)


_WORD = re.compile(r" ?\w+(?:['’]\w+)*| ?[^\w\s]|\s")


class BytePairs(Vocabulary):
    """A token is a string of bytes: the 256 single ones, and the pairs that were merged most often.

    Nothing is unknown, whatever the script. Sennrich et al. 2016, arXiv:1508.07909; on bytes, Radford et al. 2019.

    Args:
        tokens: bytes written in GPT-2's alphabet of 256 printable characters.
        merges: pairs of tokens, each ``"left right"``, in the order of their merging.
    """

    kind = "bpe"
    SMALLEST: ClassVar[int] = NUM_SPECIAL + 256

    def __init__(self, tokens: Sequence[str], merges: Sequence[str], prefix: str = "") -> None:
        super().__init__(tokens, prefix)
        self.merges = list(merges)
        self._bytes = [bytes(_ALPHABET[letter] for letter in token) for token in self.tokens]
        self._tokenizer: Any = None

    @classmethod
    def learn(cls, texts: Iterable[str], min_count: int = 1, prefix: str = "", size: int = 1024) -> BytePairs:
        """At most ``size`` tokens, special ones included; a pair must be met ``min_count`` times to be merged.

        Raises:
            ConfigError: ``size`` has no room for every byte.
        """
        if size < cls.SMALLEST:
            raise ConfigError(
                f"data.bpe_size is {size};",
                f"it must be at least {cls.SMALLEST}: {NUM_SPECIAL} special tokens and 256 bytes;",
                "try data.bpe_size=1024.",
            )
        library = _library()
        tokenizer = _on_bytes(library.models.BPE())
        trainer = library.trainers.BpeTrainer(
            vocab_size=size - NUM_SPECIAL,
            min_frequency=min_count,
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(chain.from_iterable(_pieces(prefix + text) for text in texts), trainer)
        vocabulary = tokenizer.get_vocab()
        # The library exposes the merges in its file format only.
        merges = json.loads(tokenizer.to_str())["model"]["merges"]
        return cls(sorted(vocabulary, key=vocabulary.__getitem__), [" ".join(pair) for pair in merges], prefix)

    def encode(self, text: str, strict: bool = False) -> list[int]:
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise DataError(
                f"the text {text[:_SHOWN]!r} holds bytes that are no character;",
                "a text is valid UTF-8;",
                "type it anew.",
            )
        if self._tokenizer is None:
            merges = [tuple(pair.split(" ")) for pair in self.merges]
            self._tokenizer = _on_bytes(_library().models.BPE(vocab=self._numbers, merges=merges))
        return [number for piece in _pieces(self.prefix + text) for number in self._tokenizer.encode(piece).ids]

    def decode(self, numbers: Iterable[int]) -> str:
        """Bytes that are no whole character become �."""
        return b"".join(map(self._text_bytes, numbers)).decode(errors="replace").removeprefix(self.prefix)

    def lengths(self) -> list[int]:
        # In UTF-8 every byte of a character but the first has the form 10xxxxxx.
        return [0, 1, 0, 0, *(sum(byte & 0xC0 != 0x80 for byte in token) for token in self._bytes)]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "merges": self.merges}

    def _text_bytes(self, number: int) -> bytes:
        return self._bytes[number - NUM_SPECIAL] if number >= NUM_SPECIAL else self._text(number).encode()


def _alphabet() -> dict[str, int]:
    """GPT-2's letter of each byte: itself where it can be printed, else one from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


_ALPHABET = _alphabet()
_PIECE = re.compile(r"(?s).{1,1000000}[^\n]*\n?")


def _pieces(text: str) -> Iterator[str]:
    """A long text in whole lines: the library takes a hundred bytes and more for each token of a piece."""
    return (match.group() for match in _PIECE.finditer(text))


def _library() -> Any:
    """Imported where it is needed, and kept from starting threads, which a later fork would not survive."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import tokenizers

    return tokenizers


def _on_bytes(model: Any) -> Any:
    library = _library()
    tokenizer = library.Tokenizer(model)
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


KINDS: dict[str, type[Vocabulary]] = {each.kind: each for each in (Characters, Words, BytePairs)}


def learn_vocabulary(
    kind: str, texts: Iterable[str], min_count: int = 1, bpe_size: int = 1024, prefix: str = ""
) -> Vocabulary:
    """The vocabulary of the training texts; ``bpe_size`` is heeded by byte pairs alone.

    Raises:
        ConfigError: an unknown kind, a number out of range.
        DataError: no token is left.
    """
    if kind not in KINDS or min_count < 1:
        raise ConfigError(
            f"data.tokens is {kind!r} and data.min_count {min_count};",
            f"tokens are {', '.join(KINDS)}, and min_count is at least 1;",
            "try data.tokens=characters data.min_count=1.",
        )
    if kind == BytePairs.kind:
        return BytePairs.learn(texts, min_count, prefix, bpe_size)
    return KINDS[kind].learn(texts, min_count, prefix)


def from_state(state: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary whose ``state()`` this is."""
    return KINDS[state["kind"]](**{key: value for key, value in state.items() if key != "kind"})
