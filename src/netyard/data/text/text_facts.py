"""How long texts are in tokens, how many are cut, and how many of their tokens are unknown. Imports no torch."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

MOST = 1024  # tokens of the longest length that is chosen by default
_COVERED = 0.99  # of the training texts are whole at a chosen length
_OUTLIER = 2  # times the length of these: a longer text does not decide the length
_MANY_UNKNOWN = 0.2  # of the tokens of a split
# Thai, Lao, Burmese, Khmer, kana, and the characters of Chinese and Japanese.
_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]")
NO_SPACES = "the texts have no spaces between words, so that a sentence is one word: try data.tokens=characters or bpe"
_SAMPLED, _SAMPLED_CHARACTERS = 200, 20_000  # texts and characters, enough to see the script


def choose_length(lengths: Sequence[int]) -> tuple[int, str]:
    """The length at which texts are cut, from the lengths of the training texts, and why it was chosen.

    That of the longest text; with a few texts that are more than twice as long as the others, that of 99 % of them; at
    most ``MOST``.
    """
    ordered = sorted(lengths)
    longest, covered = ordered[-1], ordered[math.ceil(_COVERED * len(ordered)) - 1]
    length, why = longest, "that of the longest training text"
    if longest > _OUTLIER * covered:
        length, why = covered, "99 % of the training texts are not longer"
    if length > MOST:
        length, why = MOST, "the most that is chosen by default"
    return max(length, 1), why


@dataclass
class TextFacts:
    """Facts of the texts in one vocabulary."""

    key: str = ""
    """The config key of the length at which they are cut; empty if they are not."""
    length: int | None = None
    why: str = ""
    """Why this length was chosen; empty if the config gives it."""
    lengths: dict[str, Sequence[int]] = field(default_factory=dict)
    """The number of tokens of each text before it was cut, for each split."""

    def record(self, parts: Sequence[str]) -> dict[str, Any]:
        """The facts of some splits in plain types; empty if texts are not cut."""
        if not self.key:
            return {}
        lengths = {name: self.lengths[name] for name in parts if name in self.lengths}
        most = self.length or 0
        return {
            "key": self.key,
            "length": self.length,
            **({"chosen": self.why} if self.why else {}),
            "longest": {name: max(each, default=0) for name, each in lengths.items()},
            "cut": {name: sum(length > most for length in each) for name, each in lengths.items()},
            "of": {name: len(each) for name, each in lengths.items()},
        }


def sentences(texts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The facts of each vocabulary as sentences: its size, the unknown tokens, the length and how many texts are cut.

    Args:
        texts: ``texts`` of ``DataModule.summary``.
    """
    return [_sentence(name if len(texts) > 1 else "", each) for name, each in texts.items()]


def _sentence(name: str, facts: Mapping[str, Any]) -> str:
    said = [f"{name + ': ' if name else ''}a vocabulary of {facts['vocabulary']:,} {facts['tokens']}"]
    shares = [f"{share:.2%} of {part}" for part, share in facts["unknown"].items()]
    if any(facts["unknown"].values()):
        said.append(f"unknown are {', '.join(shares)}")
    else:
        said.append("none unknown")
    if "key" in facts:
        why = f" ({facts['chosen']})" if "chosen" in facts else ""
        said.append(f"{facts['key']} {facts['length']:,}{why}")
        cut = [f"{number:,} of {facts['of'][part]:,} in {part}" for part, number in facts["cut"].items() if number]
        if cut:
            # A length without the outliers of the evaluation: what the texts of training need.
            whole = facts["longest"].get("train") or max(facts["longest"].values())
            hint = f"; data.{facts['key']}={whole} cuts none of training" if facts["cut"].get("train") else ""
            said.append(f"texts cut at it: {', '.join(cut)}{hint}")
        else:
            said.append("no text is cut")
    return "; ".join(said)


def text_remarks(texts: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Sentences about a vocabulary that fits the texts of the evaluation badly.

    Args:
        texts: ``texts`` of ``DataModule.summary``.
    """
    found = []
    for facts in texts.values():
        part, share = max(facts["unknown"].items(), key=lambda item: item[1], default=("", 0.0))
        if share >= _MANY_UNKNOWN and facts["tokens"] != "bpe":
            found.append(
                f"{share:.0%} of the {facts['tokens']} of {part} are not in the vocabulary of the training texts: "
                "data.tokens=bpe has no unknown tokens"
            )
    return found


def without_spaces(texts: Iterable[str]) -> bool:
    """Whether texts are in a script that writes no spaces between words, such as Chinese, Japanese or Thai."""
    sample = "".join(islice(texts, _SAMPLED))[:_SAMPLED_CHARACTERS]
    letters = sum(character.isalpha() for character in sample)
    return letters > 0 and len(_SPACELESS.findall(sample)) > letters / 2
