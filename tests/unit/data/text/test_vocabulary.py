"""Vocabularies: texts are restored exactly, and tokens come from the training texts only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from netyard.data.text import vocabulary as vocabulary_module
from netyard.data.text.vocabulary import (
    END,
    KINDS,
    NUM_SPECIAL,
    PADDING,
    START,
    UNKNOWN,
    BytePairs,
    Characters,
    Words,
    from_state,
    learn_vocabulary,
)
from netyard.errors import ConfigError, DataError

TEXTS = [
    "the cat sat on the mat.",
    "  two  spaces\n\n\ttab, don't “quote”; x_1 += 42!  ",
    "Grüße aus Köln, 世界! Ну да. e\u0301 🙂👩\u200d🔬 \u00a0 \u3000",
    "\n",
    "a",
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_decoding_restores_the_text(kind: str, text: str) -> None:
    vocabulary = learn_vocabulary(kind, [text], bpe_size=300)
    numbers = vocabulary.encode(text, strict=True)
    assert vocabulary.decode(numbers) == text
    assert min(numbers) >= NUM_SPECIAL and max(numbers) < len(vocabulary)
    lengths = vocabulary.lengths()
    assert len(lengths) == len(vocabulary) and sum(lengths[number] for number in numbers) == len(text)


@pytest.mark.parametrize("kind", KINDS)
def test_special_tokens_come_first_and_have_no_text(kind: str) -> None:
    vocabulary = learn_vocabulary(kind, ["ab ab ab"])
    assert (PADDING, UNKNOWN, START, END) == (0, 1, 2, 3)
    (number,) = vocabulary.encode("a" if kind != "words" else "ab")
    inside = [START, number, UNKNOWN, END, PADDING, PADDING]
    assert vocabulary.decode(inside) == vocabulary.decode([number]) + "�"
    assert vocabulary.lengths()[:NUM_SPECIAL] == [0, 1, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
def test_texts_can_be_decoded_in_parts(kind: str) -> None:
    text = "the cat, the dog\nand the cat"
    vocabulary = learn_vocabulary(kind, [text], bpe_size=280)
    numbers = vocabulary.encode(text)
    for cut in range(len(numbers)):
        assert vocabulary.decode(numbers[:cut]) + vocabulary.decode(numbers[cut:]) == text


@pytest.mark.parametrize("kind", KINDS)
def test_the_state_has_plain_types_and_restores_the_vocabulary(kind: str, tmp_path: Path) -> None:
    vocabulary = learn_vocabulary(kind, TEXTS, bpe_size=320, prefix=" ")
    torch.save(vocabulary.state(), tmp_path / "state.pt")
    again = from_state(torch.load(tmp_path / "state.pt", weights_only=True))
    assert type(again) is type(vocabulary) and again.state() == vocabulary.state()
    for text in TEXTS:
        assert again.encode(text) == vocabulary.encode(text)
        assert again.decode(again.encode(text)) == text


def test_frequent_tokens_come_first_and_rare_ones_are_unknown() -> None:
    assert Characters.learn(["abcbcc"]).tokens == ["c", "b", "a"]
    assert Characters.learn(["ba", "dc"]).tokens == ["a", "b", "c", "d"]  # a tie has an order too
    vocabulary = Characters.learn(["abcbcc"], min_count=2)
    assert vocabulary.tokens == ["c", "b"] and vocabulary.encode("abc") == [UNKNOWN, 5, 4]


def test_words_keep_the_space_before_them() -> None:
    assert Words.split("don't stop, now\n  go (on)") == [
        "don't",
        " stop",
        ",",
        " now",
        "\n",
        " ",
        " go",
        " (",
        "on",
        ")",
    ]
    assert Words.learn(["good film, good"]).tokens == [" film", " good", ",", "good"]


def test_with_a_prefix_the_first_word_has_the_same_token_as_elsewhere() -> None:
    vocabulary = Words.learn(["good film, good"], prefix=" ")
    assert vocabulary.tokens == [" good", " film", ","]
    assert vocabulary.decode(vocabulary.encode("good film")) == "good film"
    assert vocabulary.decode(vocabulary.encode(" good")) != "good"


def test_unknown_tokens_are_mapped_or_refused_by_name() -> None:
    characters, words = Characters.learn(["abc"]), Words.learn(["a film is a film"])
    assert characters.encode("aéz") == [4, UNKNOWN, UNKNOWN]
    with pytest.raises(DataError, match=r"contains 'é', 'z', not in the vocabulary; its 3 characters are a b c; leave"):
        characters.encode("aézé", strict=True)
    with pytest.raises(DataError, match=r"contains 'book', not in the vocabulary"):
        words.encode("a book is", strict=True)
    with pytest.raises(DataError, match=r"'1', '2', '3', '4', '5', \.\.\., not") as caught:
        characters.encode("a123456\ud800", strict=True)
    str(caught.value).encode()  # what cannot be written is named by its code
    with pytest.raises(DataError, match=r"contains '\\udc80', not") as caught:
        characters.encode("a\udc80", strict=True)
    str(caught.value).encode()


def test_byte_pairs_encode_every_text() -> None:
    vocabulary = BytePairs.learn(["only English was learned " * 5], size=280)
    for text in TEXTS:
        assert vocabulary.decode(vocabulary.encode(text, strict=True)) == text
    with pytest.raises(DataError, match="not UTF-8") as caught:
        vocabulary.encode("a\udc80", strict=True)
    str(caught.value).encode()


def test_byte_pairs_merge_frequent_pairs() -> None:
    vocabulary = BytePairs.learn(["aa b " * 50], size=NUM_SPECIAL + 257)
    assert len(vocabulary) == 261 and len(vocabulary.merges) == 1
    long = BytePairs.learn(["banana banana banana"], size=400)
    assert len(long.encode(" banana")) == 1
    assert len(BytePairs.learn(["banana banana banana"], min_count=4, size=400).encode(" banana")) > 1


def test_an_incomplete_character_is_no_error() -> None:
    vocabulary = BytePairs.learn(["x"], size=260)
    first, *_ = vocabulary.encode("é")
    assert vocabulary.decode([first]) == "�"
    assert vocabulary.lengths()[first] == 1


def test_long_texts_are_encoded_in_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "".join(f"line {number} of it\n" for number in range(40)) + "the end"
    whole = BytePairs.learn([text], size=300)
    numbers = whole.encode(text)
    monkeypatch.setattr(vocabulary_module, "_PIECE", re.compile(r"(?s).{1,50}[^\n]*\n?"))
    pieces = list(vocabulary_module._pieces(text))
    assert len(pieces) > 8 and all(piece.endswith("\n") for piece in pieces[:-1]) and "".join(pieces) == text
    assert whole.encode(text) == numbers
    assert BytePairs.learn([text], size=300).state() == whole.state()


def test_refusals() -> None:
    with pytest.raises(
        ConfigError, match=r"bpe_size is 259; it must be a whole number at least 260; try data\.bpe_size=1024"
    ):
        learn_vocabulary("bpe", ["text"], bpe_size=259)
    with pytest.raises(
        ConfigError, match=r"tokens is 'letters'; it must be one of characters, words, bpe; try data\.tokens="
    ):
        learn_vocabulary("letters", ["text"])
    with pytest.raises(
        ConfigError, match=r"min_count is 0; it must be a whole number at least 1; try data\.min_count=1"
    ):
        learn_vocabulary("words", ["text"], min_count=0)
    with pytest.raises(DataError, match=r"no words occur 3 times.*try data\.min_count=1"):
        learn_vocabulary("words", ["a b a"], min_count=3)
