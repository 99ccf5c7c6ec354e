"""Answer words that are no overrides, as people type them who know another tool, with the command that works.

``--model resnet50 --lr 0.1``, ``resnet50``, ``lr=0.1``, ``data=./photos``, ``model = resnet50``: each is refused,
because a silent correction would hide what the words of netyard are; the message has the whole command to type.
Imports no torch.
"""

from __future__ import annotations

import functools
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netyard.cli.equivalents import NUMBER, OPEN_KEYS, OR, data_of, is_path, known_words, named, overrides_for, run_of
from netyard.config import catalog, hydra_internals, synonyms
from netyard.config.fitting import models_for
from netyard.config.overrides import override
from netyard.config.schema import GLOBALS
from netyard.config.suggest import all_keys, did_you_mean
from netyard.config.synonyms import plain
from netyard.errors import ConfigError

_DASHES = re.compile(r"^[-‐‑‒–—―−]+")
# Characters that editors and chat programs put in place of those that were typed.
_TYPOGRAPHIC = str.maketrans(
    {
        "“": "",
        "”": "",
        "„": "",
        "«": "",
        "»": "",
        "‘": "",
        "’": "",
        "\u00a0": " ",
        "\u200b": "",
        "\ufeff": "",
        "＝": "=",
    }
)
_PAIR = re.compile(r"([A-Za-z_][\w.]*):(\S+)")  # lr:0.1, as in YAML
_NAMED = ("flag", "key")  # kinds of which the name is shown, without the value
# Flags that name folders of options.
_OWN_FOLDERS = ("--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn")


@dataclass
class _Wrong:
    """A word, or several that belong together, which is no override."""

    kind: str
    """One of ``_RULES``."""
    typed: str
    meant: list[str] = field(default_factory=list)
    """The overrides with its effect; empty if there are none, or if it is a word to leave out."""


@dataclass
class _Answer:
    """The corrected words of a command line, and what was wrong with those that were typed."""

    words: list[str] = field(default_factory=list)
    wrong: list[_Wrong] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What the reader has to know besides, of settings without an equivalent too."""
    needless: dict[str, list[str]] = field(default_factory=dict)
    """The reason why settings are not needed -> those settings."""
    own: bool = False
    """Whether options come from folders that the catalogue does not know."""

    def correct(self, kind: str, typed: str, meant: list[str]) -> None:
        self.wrong.append(_Wrong(kind, typed, meant))
        self.words += meant


_RULES = {  # kind of mistake -> what is said of the words, and what holds instead; by priority
    "flag": ("{words} {are} no {flag} of {program}", "a setting is key=value, without dashes"),
    "word": ("{words} {are} no {setting}", "a setting is key=value"),
    "space": ("{words} {have} spaces", "key=value is one word, without spaces"),
    "comma": ("{words} {ends} in a comma", "settings are separated by spaces"),
    "character": ("{words} {are} written with other dashes or quotes", 'they are those of the keyboard, - and "'),
    "key": ("there is no key {words}", ""),
    "callbacks": ("{words} would leave out the default callbacks", "they save the checkpoint that is tested"),
    "option": ("there is no {words}", ""),
}


def require(arguments: Sequence[str], program: str) -> None:
    """Refuse a command line with words that netyard does not know, but that have an equivalent.

    Args:
        program: what was typed before them, ``python train.py`` or ``netyard train``.

    Raises:
        ConfigError: with the whole command to type instead.
    """
    if (first := _action(arguments, program)) is not None:
        raise first
    answer = _Answer()
    tokens = list(_joined(_with_plain_characters(arguments, answer), answer))
    answer.own = any(text.partition("=")[0] in _OWN_FOLDERS or "searchpath" in text for text in tokens)
    while tokens:
        _take(tokens, answer)
    if answer.wrong:
        raise _refusal(answer, program)


def _refusal(answer: _Answer, program: str) -> ConfigError:
    words = _existing(answer)
    kind = min((each.kind for each in answer.wrong), key=[*_RULES].index)
    of_kind = [each for each in answer.wrong if each.kind == kind]
    shown = [re.split("[= ]", each.typed)[0] if kind in _NAMED else each.typed for each in of_kind]
    quoted = [text if kind in ("flag", "option") else repr(text) for text in dict.fromkeys(shown)]
    said, rule = _RULES[kind]
    several = len(quoted) > 1
    forms = {"are": "are", "have": "have", "ends": "end", "flag": "flags", "setting": "settings"}
    one = {"are": "is", "have": "has", "ends": "ends", "flag": "flag", "setting": "setting"}
    said = said.format(words=_listed_words(quoted), program=program, **(forms if several else one))
    meant = [text.split(OR)[0] for each in of_kind for text in each.meant]
    needless = [f"{_listed_words(names)}: {reason}" for reason, names in answer.needless.items()]
    rules = [rule] * bool(rule) or [f"did you mean {' '.join(meant)}?"] * bool(meant and not answer.notes)
    second = "; ".join([*rules, *needless, *dict.fromkeys(answer.notes)]) or "it is off by default"
    helpless = not words and bool(answer.notes)
    return ConfigError(
        f"{said};",
        second if second.endswith("?") else f"{second};",
        f"{program} --help explains them." if helpless else f"try {' '.join([program, *map(shlex.quote, words)])}.",
    )


def _listed_words(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _action(arguments: Sequence[str], program: str) -> ConfigError | None:
    """The answer to a word that names another command, as ``test`` does; None if there is none."""
    words = [(text, text) for text in arguments[:1] if not text.startswith("-") and "=" not in text]
    words += [(text, text) for text in arguments if text.startswith("--") and "=" not in text and _is_command(text)]
    modes = [text for text in arguments if text.startswith("mode=")]  # of ultralytics
    words += [(text, mode) for text in modes if _is_command(mode := text.removeprefix("mode="))]
    found = ((text, command) for text, word in words if (command := synonyms.ACTIONS.get(plain(word))))
    asked, command = next(found, ("", "train"))
    if command == "train":
        return None
    rest = [text for text in arguments if text != asked]
    command = command.replace("train", program, 1) if command.startswith("train") else command
    values = [text.partition("=")[2] if "=" in text else text for text in rest if not text.startswith("-")]
    if "RUN_DIR" in command:
        runs = [run_of(each) for each in values if Path(each).suffix == ".ckpt" or (Path(each) / ".hydra").is_dir()]
        runs += [each for each in values if each.startswith("outputs")]
        command = command.replace("RUN_DIR", shlex.quote(next(iter(runs), "RUN_DIR")))
    if command.startswith("netyard predict") and (
        given := [text for text in rest if text.startswith(("source=", "input="))]
    ):
        command += f" {override('input', given[0].partition('=')[2])}"
    if command.startswith("netyard export"):
        command = " ".join([command, *[text for text in rest if text.startswith("format=")]])
    if command.startswith(program):
        command = " ".join([command, *map(shlex.quote, rest)])
    return ConfigError(
        f"'{asked}' is no setting;", f"{program} trains, other commands do other work;", f"try {command}."
    )


def _is_command(word: str) -> bool:
    known = plain(word) in known_words() or word in hydra_internals.flags()
    return not known and synonyms.ACTIONS.get(plain(word), "").startswith("netyard ")


def _with_plain_characters(arguments: Sequence[str], answer: _Answer) -> Iterator[str]:
    for text in arguments:
        dashes = _DASHES.match(text)
        cleaned = text.translate(_TYPOGRAPHIC).strip()
        if dashes and not dashes[0].isascii():
            cleaned = "--" + cleaned[len(dashes[0]) :]
        if cleaned != text and not text.isspace():
            # A flag is refused as one later, with what it means.
            answer.correct("character", text, [])
        if cleaned:
            yield cleaned


def _joined(words: Iterator[str], answer: _Answer) -> Iterator[str]:
    """``model = resnet50`` as one word, and lists with spaces, as ``[64, 64]`` without quotes."""
    tokens = list(words)
    while tokens:
        text = tokens.pop(0)
        typed = [text]
        while tokens and not text.startswith("-") and _continues(text, tokens[0]):
            typed.append(tokens.pop(0))
            text += typed[-1]
        if len(typed) > 1:
            answer.correct("space", " ".join(typed), [])
        if "=" in text and text.endswith(",") and not _is_open(text):
            answer.correct("comma", text, [])
            text = text.rstrip(",")
        yield text


def _continues(text: str, following: str) -> bool:
    if following.startswith(("-", "~")) and not NUMBER.fullmatch(following):
        return False
    _, equals, value = text.partition("=")
    if following == "=" or (following.startswith("=") and not equals):
        return not equals
    return bool(equals) and not _is_setting(following) and (not value or value.endswith(",") or _is_open(value))


def _is_open(value: str) -> bool:
    """Whether a bracket of a value is not closed."""
    return value.count("[") + value.count("{") > value.count("]") + value.count("}")


def _take(tokens: list[str], answer: _Answer) -> None:
    """Move the next setting, which may be of several words, into the answer."""
    text = tokens.pop(0)
    flags = hydra_internals.flags()
    name = text.partition("=")[0]
    if name in flags:
        answer.words.append(text)
        takes, choices = flags[name]
        if takes and "=" not in text and tokens and (not choices or tokens[0] in choices):
            answer.words.append(tokens.pop(0))
    elif text.startswith("-") and not NUMBER.fullmatch(text):
        _take_flag(text, tokens, answer)
    elif text.startswith(("~", "+")):
        answer.words.append(text)
    elif "=" in text:
        key, _, value = text.partition("=")
        _take_setting(key, value, text, "key", answer)
    else:
        _take_word(text, tokens, answer)


def _take_flag(text: str, tokens: list[str], answer: _Answer) -> None:
    name, equals, value = text.lstrip("-").partition("=")
    values = [value] if equals else []
    if not equals and tokens and not _is_setting(tokens[0]):
        values.append(tokens.pop(0))
        while tokens and NUMBER.fullmatch(values[0]) and NUMBER.fullmatch(tokens[0]):  # --betas 0.9 0.999
            values.append(tokens.pop(0))
    typed = " ".join([text, *values[: 0 if equals else None]])
    value = f"[{','.join(values)}]" if len(values) > 1 else values[0] if values else "true"
    if not values and (negated := re.match(r"no[-_]", name)) and plain(name) not in known_words():
        name, value = name[negated.end() :], "false"
    _take_setting(name.replace("-", "_"), value, typed, "flag", answer)


def _is_setting(text: str) -> bool:
    return (text.startswith("-") and not NUMBER.fullmatch(text)) or bool(re.match(r"[\w./]+=", text))


def _take_word(text: str, tokens: list[str], answer: _Answer) -> None:
    """A word that is neither a flag nor ``key=value``: a name, a path, ``lr:0.1``, or ``lr`` and then its value."""
    pair = _PAIR.fullmatch(text)
    if (Path(text) / ".hydra").is_dir():
        answer.correct("word", text, [override("resume", text)])
    elif pair and not Path(text).exists() and overrides_for(pair[1], pair[2], answer.own):
        _take_setting(pair[1], pair[2], text, "word", answer)
    elif synonyms.ACTIONS.get(plain(text)) == "train" or plain(text) in synonyms.WORK:
        answer.correct("word", text, [])
    elif tokens and not _is_setting(tokens[0]) and _names_setting(text):
        value = tokens.pop(0)
        _take_setting(text, value, f"{text} {value}", "word", answer)
    elif (found := data_of(text) if is_path(text) else None) or (found := named(text)) is not None:
        answer.correct("word", text, found)
    else:
        names = [name for group in catalog.GROUPS for name in catalog.options(group)]
        answer.correct("word", text, [])
        answer.notes.append(did_you_mean(text, names) or f"nothing is named '{text}', and there is no such file")


def _names_setting(word: str) -> bool:
    return word in (*catalog.GROUPS, *GLOBALS) or plain(word) in {*synonyms.KEYS, *synonyms.CHOICES, "device", "gpus"}


def _take_setting(key: str, value: str, typed: str, kind: str, answer: _Answer) -> None:
    key = key.rstrip("+")  # --trainer.callbacks+=NAME of the Lightning CLI
    found = overrides_for(key, value, answer.own)
    word = plain(key.rpartition(".")[2])
    if found == [typed]:
        answer.words.append(typed)
    elif found is not None:
        if kind == "key" and key in (*catalog.GROUPS, "resume"):
            kind = "callbacks" if f"{key}={value}".replace(key, "").strip("=[]") in catalog.options(key) else "option"
        answer.correct(kind, typed, found)
        if note := synonyms.KEYS.get(word, "").partition(" # ")[2]:
            answer.notes.append(note)
    elif word in synonyms.WITHOUT and key not in OPEN_KEYS:
        answer.correct(kind, typed, [])
        answer.needless.setdefault(synonyms.WITHOUT[word], []).append(re.split("[= ]", typed)[0])
    elif kind == "key":
        answer.words.append(typed)  # Hydra knows it, or ``suggest.no_such_key`` answers with the nearest key
    else:
        answer.correct(kind, typed, [f"{key}={value}"])


def _existing(answer: _Answer) -> list[str]:
    """The corrected words without options and keys that do not exist, each of which is noted."""
    guessed = {text for each in answer.wrong for text in each.meant}
    merged: list[str] = []
    for text in _merged(answer.words):
        if not answer.own and (said := _no_option(text)):
            answer.notes.append(said)
        else:
            merged.append(text)
    keyed = [text for text in merged if text in guessed and not _is_free(text)]
    known = _keys_with(tuple(text for text in merged if text not in keyed)) if keyed else ()
    words: list[str] = []
    for text in merged:
        ways = [each for way in text.split(OR) if (each := _with_key(way, known))] if text in keyed else [text]
        words += ways[:1]
        if not ways:
            answer.notes.append(_no_key(text.partition("=")[0], merged))
    return [*words, *_fitting_model(words, guessed)]


def _fitting_model(words: Sequence[str], guessed: set[str]) -> list[str]:
    """The choice of a model, if none was typed and the default one does not fit the data that were meant."""
    data = next((text for text in words if text.startswith("data=")), "")
    if data not in guessed or any(text.startswith(("model=", "experiment=")) for text in words):
        return []
    models = models_for({"data": data.removeprefix("data=")})
    return [] if "mlp" in models or not models else [f"model={models[0]}"]


@functools.cache
def _keys_with(overrides: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(all_keys(overrides))


def _no_option(text: str) -> str:
    """What is said of a choice of an option that does not exist; empty if it exists."""
    group, _, name = text.partition("=")
    if group not in catalog.GROUPS or name in ("null", *catalog.options(group)) or any(sign in name for sign in "[,("):
        return ""
    return f"there is no {text}, netyard list {group} prints what there is"


def _no_key(key: str, words: Sequence[str]) -> str:
    """What is said of a key that the chosen options do not have, with those that have it."""
    group, _, name = key.partition(".")
    groups = [group] if name else catalog.GROUPS
    having = [
        (f"{each}.{found}", each, option)
        for each in groups
        if each in catalog.GROUPS
        for option in catalog.options(each)
        for found in catalog.option_file(each, option)
        if plain(found) == plain(name or key)
    ]
    if having:
        full, owner, option = having[0]
        chosen = next((each for each in words if each.startswith(f"{owner}=")), f"the default {owner}")
        return f"{chosen} has no {full.partition('.')[2]}, which {owner}={option} has"
    return f"there is no setting '{key}'"


def _is_free(text: str) -> bool:
    """Whether an override chooses an option, or sets a key outside of all options."""
    key = text.partition("=")[0].lstrip("+~")
    return key in (*catalog.GROUPS, *GLOBALS) or key.partition(".")[0] in OPEN_KEYS


def _with_key(text: str, known: Sequence[str]) -> str | None:
    """An override whose key exists, or that of the one key with this last part; None if there is none."""
    key, _, value = text.partition("=")
    if key in known:
        return text
    ends = [each for each in known if "." not in key and plain(each.rpartition(".")[2]) == plain(key)]
    return f"{ends[0]}={value}" if len(ends) == 1 else None


def _merged(words: Sequence[str]) -> list[str]:
    """The words, of which the last one counts where two set the same key."""
    last = {text.partition("=")[0]: text for text in words}
    return [text for text in dict.fromkeys(words) if last[text.partition("=")[0]] == text]
