"""Vocabularies: text to token numbers and back, by characters, words or byte pairs.

A vocabulary is built from the training texts only. Its state has strings and lists only, because a checkpoint is loaded
with ``weights_only=True``.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Annotated, Any, ClassVar, TypeAlias

from netyard.data.text.text_facts import without_spaces
from netyard.errors import DataError
from netyard.ranges.bounds import Count, Ge, OneOf
from netyard.ranges.signature import check

PADDING, UNKNOWN, START, END = range(4)
NUM_SPECIAL = 4
"""Number of special tokens; other tokens have higher numbers."""

BytePairSize: TypeAlias = Annotated[int, Ge(NUM_SPECIAL + 256)]  # room for every byte: no text is unknown

_MAX_LISTED = 5  # unknown tokens in a message
_MAX_SHOWN = 60  # characters of a text in a message


class Vocabulary:
    """Tokens, numbered from NUM_SPECIAL on.

    Args:
        tokens: without the special ones, in the order of their numbers.
        prefix: added to every text before it is encoded, and removed after decoding. With a space, the first word of a
            text has the same token as elsewhere. It must be empty if decoded pieces of a text are joined.
    """

    kind: ClassVar[str]

    def __init__(self, tokens: Sequence[str], prefix: str = "") -> None:
        self.tokens, self.prefix = list(tokens), prefix
        self._numbers = {token: number for number, token in enumerate(self.tokens, start=NUM_SPECIAL)}

    @staticmethod
    def split(text: str) -> list[str]:
        """Split a text into strings that may be tokens; joined, they are the text."""
        raise NotImplementedError

    @classmethod
    def learn(cls, texts: Iterable[str], min_count: int = 1, prefix: str = "") -> Vocabulary:
        """A vocabulary of the tokens that occur at least ``min_count`` times, sorted by decreasing frequency.

        Raises:
            DataError: there are no such tokens.
        """
        texts = list(texts)
        counts = Counter(chain.from_iterable(cls.split(prefix + text) for text in texts))
        kept = [token for token, count in counts.items() if count >= min_count]
        if not kept:
            raise DataError(
                f"no {cls.kind} occur {min_count} times in the training text;",
                "a vocabulary needs at least one token;",
                "try data.tokens=characters." if without_spaces(texts) else "try data.min_count=1, or a longer text.",
            )
        # Tokens of equal frequency in alphabetical order, so that the order of the texts does not matter.
        return cls(sorted(kept, key=lambda token: (-counts[token], token)), prefix)

    def __len__(self) -> int:
        return NUM_SPECIAL + len(self.tokens)

    def encode(self, text: str, strict: bool = False) -> list[int]:
        """The token numbers of a text; UNKNOWN for a token that is not in the vocabulary.

        Raises:
            DataError: ``strict``, and the text contains tokens that are not in the vocabulary.
        """
        pieces = self.split(self.prefix + text)
        numbers = [self._numbers.get(piece, UNKNOWN) for piece in pieces]
        if strict and UNKNOWN in numbers:
            raise self._unknown_tokens_error(dict.fromkeys(piece for piece in pieces if piece not in self._numbers))
        return numbers

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of tokens: special tokens are left out, but UNKNOWN becomes �."""
        return "".join(self._text(number) for number in numbers).removeprefix(self.prefix)

    def lengths(self) -> list[int]:
        """The number of characters that begin in each token: 0 for special tokens, but 1 for UNKNOWN."""
        return [0, 1, 0, 0, *map(len, self.tokens)]  # PADDING, UNKNOWN, START, END, then the others

    def state(self) -> dict[str, Any]:
        """The state in plain types; ``from_state`` restores it."""
        return {"kind": self.kind, "tokens": self.tokens, "prefix": self.prefix}

    def _unknown_tokens_error(self, pieces: Iterable[str]) -> DataError:
        # repr(): an unknown character may not be printable.
        unknown = [repr(piece.strip() or piece) for piece in pieces]
        listed = ", ".join(unknown[:_MAX_LISTED]) + ", ..." * (len(unknown) > _MAX_LISTED)
        known = " ".join(token.strip() for token in self.tokens if token.strip() and token.isprintable())
        return DataError(
            f"the text contains {listed}, not in the vocabulary;",
            f"its {len(self.tokens)} {self.kind} are {known[:_MAX_SHOWN]}{' ...' * (len(known) > _MAX_SHOWN)};",
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
    """A token is a word or a punctuation mark, including the space before it, or another white-space character.

    Joined tokens are the text, so decoding restores every space.
    """

    kind = "words"

    @staticmethod
    def split(text: str) -> list[str]:
        return _WORD.findall(text)


# A word may contain apostrophes (don't); ``\w`` matches the letters of all scripts.
_WORD = re.compile(r" ?\w+(?:['’]\w+)*| ?[^\w\s]|\s")


class BytePairs(Vocabulary):
    """A token is a string of bytes: the 256 single bytes, and merged pairs of frequent tokens.

    No text has unknown tokens. Sennrich et al. 2016, arXiv:1508.07909; on bytes, Radford et al. 2019.

    Args:
        tokens: in GPT-2's alphabet of 256 printable characters, one for each byte.
        merges: pairs of tokens, each ``"left right"``, in the order in which they are merged.
    """

    kind = "bpe"

    def __init__(self, tokens: Sequence[str], merges: Sequence[str], prefix: str = "") -> None:
        super().__init__(tokens, prefix)
        self.merges = list(merges)
        self._bytes = [bytes(_ALPHABET[letter] for letter in token) for token in self.tokens]
        self._tokenizer: Any = None

    @classmethod
    def learn(cls, texts: Iterable[str], min_count: int = 1, prefix: str = "", size: int = 1024) -> BytePairs:
        """At most ``size`` tokens, including special ones; only pairs that occur ``min_count`` times are merged."""
        library = _library()
        tokenizer = _byte_level_tokenizer(library.models.BPE())
        trainer = library.trainers.BpeTrainer(
            vocab_size=size - NUM_SPECIAL,
            min_frequency=min_count,
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),  # all bytes, also those not in the texts
            show_progress=False,
        )
        tokenizer.train_from_iterator(chain.from_iterable(_pieces(prefix + text) for text in texts), trainer)
        vocabulary = tokenizer.get_vocab()
        # The library has no method for the merges; they are in its JSON format.
        merges = json.loads(tokenizer.to_str())["model"]["merges"]
        # In the order of their numbers: the 256 bytes, then the merged pairs.
        return cls(sorted(vocabulary, key=vocabulary.__getitem__), [" ".join(pair) for pair in merges], prefix)

    def encode(self, text: str, strict: bool = False) -> list[int]:
        # Bytes of the command line that are not UTF-8 are lone surrogates in Python, which the library cannot encode.
        # isascii() is a fast check that is true for most texts.
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise DataError(
                f"the text {text[:_MAX_SHOWN]!r} contains bytes that are not UTF-8;",
                "a text is valid UTF-8;",
                "type it again.",
            )
        if self._tokenizer is None:  # built at the first use: it is slow for a vocabulary that is only stored
            merges = [tuple(pair.split(" ")) for pair in self.merges]
            self._tokenizer = _byte_level_tokenizer(_library().models.BPE(vocab=self._numbers, merges=merges))
        return [number for piece in _pieces(self.prefix + text) for number in self._tokenizer.encode(piece).ids]

    def decode(self, numbers: Iterable[int]) -> str:
        """The text of tokens; bytes that are not a complete character become �."""
        # All bytes are joined before decoding, because a character may be divided between tokens.
        return b"".join(map(self._text_bytes, numbers)).decode(errors="replace").removeprefix(self.prefix)

    def lengths(self) -> list[int]:
        # In UTF-8 every byte of a character but the first has the form 10xxxxxx.
        return [0, 1, 0, 0, *(sum(byte & 0xC0 != 0x80 for byte in token) for token in self._bytes)]

    def state(self) -> dict[str, Any]:
        return {**super().state(), "merges": self.merges}

    def _text_bytes(self, number: int) -> bytes:
        return self._bytes[number - NUM_SPECIAL] if number >= NUM_SPECIAL else self._text(number).encode()


def _alphabet() -> dict[str, int]:
    """The byte of each character of GPT-2's alphabet: the same code if it is printable, else codes from 256 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + place): byte for place, byte in enumerate(others)}


_ALPHABET = _alphabet()
_PIECE = re.compile(r"(?s).{1,1000000}[^\n]*\n?")  # a million characters and the rest of their line


def _pieces(text: str) -> Iterator[str]:
    """Pieces of a long text that end with a line, where no token is divided.

    The library needs over a hundred bytes of memory for each token of the text that it encodes at once.
    """
    return (match.group() for match in _PIECE.finditer(text))


def _library() -> Any:
    """Import the package ``tokenizers``, which only byte pairs need."""
    # Its threads would not exist in a forked data worker, which would wait for them forever.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    import tokenizers

    return tokenizers


def _byte_level_tokenizer(model: Any) -> Any:
    library = _library()
    tokenizer = library.Tokenizer(model)
    # No prefix space here: ``Vocabulary.prefix`` adds it, and removes it again.
    tokenizer.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


KINDS: dict[str, type[Vocabulary]] = {each.kind: each for each in (Characters, Words, BytePairs)}


def learn_vocabulary(
    tokens: Annotated[str, OneOf(KINDS)],
    texts: Iterable[str],
    min_count: Count = 1,
    bpe_size: BytePairSize = 1024,
    prefix: str = "",
) -> Vocabulary:
    """Build a vocabulary from the training texts; ``bpe_size`` is only for byte pairs.

    Raises:
        ConfigError: an unknown kind of tokens, or a number out of range.
        DataError: no token is frequent enough.
    """
    check(learn_vocabulary, locals(), "data")
    if tokens == BytePairs.kind:
        return BytePairs.learn(texts, min_count, prefix, bpe_size)
    return KINDS[tokens].learn(texts, min_count, prefix)


def from_state(state: Mapping[str, Any]) -> Vocabulary:
    """Restore a vocabulary from its ``state()``."""
    return KINDS[state["kind"]](**{key: value for key, value in state.items() if key != "kind"})
