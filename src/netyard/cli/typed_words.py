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

from netyard.config import catalog, hydra_internals, synonyms
from netyard.config.overrides import override
from netyard.config.schema import GLOBALS
from netyard.config.suggest import all_keys, did_you_mean
from netyard.config.synonyms import plain
from netyard.errors import ConfigError
from netyard.sweeps.arguments import CHOICES, SHORT

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
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
_NUMBERS_OF_DEVICES = ("gpus", "numgpus", "ngpus", "ngpu")
_DEVICES = ("device", "gpu", "gpuids", "cudadevice")  # their names or indices
_PAIR = re.compile(r"([A-Za-z_][\w.]*):(\S+)")  # lr:0.1, as in YAML
_NAMED = ("flag", "key")  # kinds of which the name is shown, without the value
_OR = " | "  # between alternatives, of which the first is taken whose key exists
_READ = {".csv": "csv", ".tsv": "csv", ".txt": "text", ".md": "text"}  # suffix of a file -> the option of data
_WEIGHTS = (".pt", ".pth", ".safetensors", ".bin")
_OPEN_KEYS = ("hydra", *GLOBALS, *SHORT, *CHOICES)
# Flags with which options come from folders that the catalogue does not know.
_OWN_FOLDERS = ("--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn")
_TIMM = re.compile(  # prefixes of names that only timm has
    r"(vit|deit|swin|convnext|regnet|mixer|beit|eva|cait|maxvit|coat|nfnet|resnext|wide_resnet|seresnet|resnest|"
    r"efficientvit|mobilevit|mobileone|repvgg|ghostnet|hrnet|levit|poolformer|xcit|volo|tf_|ese_|gmlp|resmlp|"
    r"darknet|cspresnet|fastvit|hiera|samvit|rexnet|edgenext|inception_resnet|xception|dpn|dla|visformer|tiny_vit)\w*"
)


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
    own = any(text.partition("=")[0] in _OWN_FOLDERS or "searchpath" in text for text in tokens)
    while tokens:
        _take(tokens, answer, own)
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
    meant = [text.split(_OR)[0] for each in of_kind for text in each.meant]
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
    named = [text for text in arguments[:1] if not text.startswith("-") and "=" not in text]
    named += [text for text in arguments if text.startswith("--") and "=" not in text and _is_command(text)]
    named += [text for text in arguments if text.startswith("mode=") and _is_command(text.partition("=")[2])]
    meant = next(
        ((text, command) for text in named if (command := synonyms.ACTIONS.get(plain(text[5 * ("=" in text) :])))), None
    )
    if meant is None or meant[1] == "train":
        return None
    rest = [text for text in arguments if text != meant[0]]
    command = meant[1].replace("train", program, 1) if meant[1].startswith("train") else meant[1]
    values = [text.partition("=")[2] if "=" in text else text for text in rest if not text.startswith("-")]
    if "RUN_DIR" in command:
        runs = [_run_of(each) for each in values if Path(each).suffix == ".ckpt" or (Path(each) / ".hydra").is_dir()]
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
        f"'{meant[0]}' is no setting;", f"{program} trains, other commands do other work;", f"try {command}."
    )


def _is_command(word: str) -> bool:
    known = plain(word) in _known_words() or word in hydra_internals.flags()
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
        if "=" in text and text.endswith(","):
            answer.correct("comma", text, [])
            text = text.rstrip(",")
        yield text


def _continues(text: str, following: str) -> bool:
    if following.startswith(("-", "~")) and not _NUMBER.fullmatch(following):
        return False
    _, equals, value = text.partition("=")
    if following == "=" or (following.startswith("=") and not equals):
        return not equals
    inside = value.count("[") + value.count("{") > value.count("]") + value.count("}")
    return bool(equals) and (inside or ((not value or value.endswith(",")) and "=" not in following))


def _take(tokens: list[str], answer: _Answer, own: bool) -> None:
    """Move the next setting, which may be of several words, into the answer."""
    text = tokens.pop(0)
    flags = hydra_internals.flags()
    name = text.partition("=")[0]
    if name in flags:
        answer.words.append(text)
        takes, choices = flags[name]
        if takes and "=" not in text and tokens and (not choices or tokens[0] in choices):
            answer.words.append(tokens.pop(0))
    elif text.startswith("-") and not _NUMBER.fullmatch(text):
        _take_flag(text, tokens, answer, own)
    elif text.startswith(("~", "+")):
        answer.words.append(text)
    elif "=" in text:
        key, _, value = text.partition("=")
        _take_setting(key, value, text, "key", answer, own)
    else:
        _take_word(text, tokens, answer, own)


def _take_flag(text: str, tokens: list[str], answer: _Answer, own: bool) -> None:
    name, equals, value = text.lstrip("-").partition("=")
    values = [value] if equals else []
    if not equals and tokens and not _is_setting(tokens[0]):
        values.append(tokens.pop(0))
        while tokens and _NUMBER.fullmatch(values[0]) and _NUMBER.fullmatch(tokens[0]):  # --betas 0.9 0.999
            values.append(tokens.pop(0))
    typed = " ".join([text, *values[: 0 if equals else None]])
    value = f"[{','.join(values)}]" if len(values) > 1 else values[0] if values else "true"
    if not values and (negated := re.match(r"no[-_]", name)) and plain(name) not in _known_words():
        name, value = name[negated.end() :], "false"
    _take_setting(name.replace("-", "_"), value, typed, "flag", answer, own)


def _is_setting(text: str) -> bool:
    return (text.startswith("-") and not _NUMBER.fullmatch(text)) or bool(re.match(r"[\w./]+=", text))


@functools.cache
def _known_words() -> set[str]:
    return {*synonyms.KEYS, *synonyms.CHOICES, *synonyms.VALUES, *synonyms.WITHOUT, *_NUMBERS_OF_DEVICES, *_DEVICES}


def _take_word(text: str, tokens: list[str], answer: _Answer, own: bool) -> None:
    """A word that is neither a flag nor ``key=value``: a name, a path, ``lr:0.1``, or ``lr`` and then its value."""
    pair = _PAIR.fullmatch(text)
    if (Path(text) / ".hydra").is_dir():
        answer.correct("word", text, [override("resume", text)])
    elif pair and not Path(text).exists() and _overrides(pair[1], pair[2], own):
        _take_setting(pair[1], pair[2], text, "word", answer, own)
    elif synonyms.ACTIONS.get(plain(text)) == "train" or plain(text) in synonyms.WORK:
        answer.correct("word", text, [])
    elif tokens and not _is_setting(tokens[0]) and _names_setting(text):
        value = tokens.pop(0)
        _take_setting(text, value, f"{text} {value}", "word", answer, own)
    elif (found := _data_of(text) if _is_path(text) else None) or (found := _named(text)) is not None:
        answer.correct("word", text, found)
    else:
        names = [name for group in catalog.GROUPS for name in catalog.options(group)]
        answer.correct("word", text, [])
        answer.notes.append(did_you_mean(text, names) or f"nothing is named '{text}', and there is no such file")


def _names_setting(word: str) -> bool:
    return word in (*catalog.GROUPS, *GLOBALS) or plain(word) in {*synonyms.KEYS, *synonyms.CHOICES, "device", "gpus"}


def _named(word: str) -> list[str] | None:
    """The overrides for a name or a path that stands alone."""
    if Path(word).suffix == ".ckpt":
        return [override("resume", _run_of(word))]
    for find in (lambda group: word if word in catalog.options(group) else None, lambda group: _option(group, word)):
        for group in catalog.GROUPS:
            if (found := find(group)) is not None:
                return _chosen(group, found)
    return _data_of(word)


def _take_setting(key: str, value: str, typed: str, kind: str, answer: _Answer, own: bool) -> None:
    key = key.rstrip("+")  # --trainer.callbacks+=NAME of the Lightning CLI
    found = _overrides(key, value, own)
    word = plain(key.rpartition(".")[2])
    if found == [typed]:
        answer.words.append(typed)
    elif found is not None:
        if kind == "key" and key in (*catalog.GROUPS, "resume"):
            kind = "callbacks" if f"{key}={value}".replace(key, "").strip("=[]") in catalog.options(key) else "option"
        answer.correct(kind, typed, found)
        if note := synonyms.KEYS.get(word, "").partition(" # ")[2]:
            answer.notes.append(note)
    elif word in synonyms.WITHOUT and key not in _OPEN_KEYS:
        answer.correct(kind, typed, [])
        answer.needless.setdefault(synonyms.WITHOUT[word], []).append(re.split("[= ]", typed)[0])
    elif kind == "key":
        answer.words.append(typed)  # Hydra knows it, or ``suggest.no_such_key`` answers with the nearest key
    else:
        answer.correct(kind, typed, [f"{key}={value}"])


def _overrides(key: str, value: str, own: bool) -> list[str] | None:
    """The overrides for a setting: itself if netyard has it, those with its effect, or None if nothing is known."""
    key = re.sub(r"\b(init_args|class_path)\b\.?", "", key).strip(".")  # of the Lightning CLI
    group, _, last = key.rpartition(".")
    word = plain(last)
    if key == "resume" and not value.endswith((".ckpt", ".pt", ".pth")) and value not in ("true", "True", "last"):
        return [f"{key}={value}"]
    if key in catalog.GROUPS:
        return _choice(key, value, own)
    # Of the callbacks any name may be a node.
    first = key.partition(".")[0]
    if (key in _OPEN_KEYS and key != "resume") or first in ("hydra", *SHORT, *catalog.LISTS) or "/" in key:
        return [f"{key}={value}"]
    if group in catalog.GROUPS and last in catalog.GROUPS:  # trainer.callbacks=EarlyStopping
        return _choice(last, value, own)
    # Reading the files of all options takes a tenth of a second, so only for words that other tools have, too.
    if group in catalog.GROUPS and (word not in _known_words() or _has_key(group, last)):
        return [f"{key}={value}"]
    if word in (*_NUMBERS_OF_DEVICES, *_DEVICES) and group in ("", "trainer"):
        return _device(word, value)
    if (meant := synonyms.VALUES.get(word, {}).get(value.lower())) is not None:
        return meant.split()
    if word in synonyms.CHOICES and group in ("", *catalog.GROUPS):
        if word in synonyms.VALUES and value.lower() in ("true", "false"):
            return None
        return _choice(synonyms.CHOICES[word], value, own)
    if word in synonyms.KEYS:
        return _filled(synonyms.KEYS[word], value)
    return None


@functools.cache
def _has_key(group: str, name: str) -> bool:
    """Whether any option of a group has that key."""
    if synonyms.KEYS.get(plain(name), "").startswith(f"{group}.{name}="):
        return True
    return any(name in catalog.option_file(group, option) for option in catalog.options(group))


def _filled(meaning: str, value: str) -> list[str] | None:
    meaning = meaning.partition(" # ")[0]
    value = {"None": "null", "True": "true", "False": "false"}.get(value, value)
    if "{}" not in meaning:  # the setting is on or off
        return meaning.split() if value.lower() not in ("false", "0", "null", "no", "off", "0.0") else []
    if meaning == "resume={}":
        return ["resume=auto"] if value in ("true", "last", "best") else [override("resume", _run_of(value))]
    if "[{}]" in meaning:
        value = value.removeprefix("[").removesuffix("]").replace(" ", "")
    elif meaning.endswith(("_path={}", "_root={}", ".dir={}")):
        return [override(meaning.partition("=")[0], value)]
    elif meaning.endswith("_fraction={}") and not _NUMBER.fullmatch(value):
        return None
    elif meaning == "data.image_size={}":
        sides = value.strip("[]").split(",")[-2:]  # of channels, height and width
        value = sides[0] if len({*sides}) == 1 else f"[{','.join(sides)}]"
    elif meaning == "optimizer=momentum optimizer.momentum={}" and value in ("0", "0.0"):
        return []
    ways = meaning.split(_OR)
    parts = meaning.split() if len(ways) == 1 else [meaning]
    return [part.replace("{}", value) for part in parts]


def _device(word: str, value: str) -> list[str] | None:
    numbers = [part for part in re.split(r"[,\s]+", value.strip("[]").replace("cuda:", "")) if part]
    if (meant := synonyms.VALUES["device"].get(value.lower())) is not None:
        return meant.split()
    if value.lower() in ("-1", "all", "true"):
        return ["trainer=ddp"] if value.lower() != "true" else ["trainer=gpu"]
    if not numbers or not all(part.isdecimal() for part in numbers):
        return None
    if word in _DEVICES or len(numbers) > 1:
        return ["trainer=gpu" if len(numbers) == 1 else "trainer=ddp", f"trainer.devices=[{','.join(numbers)}]"]
    count = int(numbers[0])
    return [["trainer=cpu"], ["trainer=gpu"]][count] if count < 2 else ["trainer=ddp", f"trainer.devices={count}"]


def _choice(group: str, value: str, own: bool) -> list[str] | None:
    """The overrides that choose an option: the same if it exists, those with its effect, or None."""
    typed = f"{group}={value}"
    if own or not value or any(character in value for character in "(${") or value == "null":
        return [typed]
    if (elsewhere := synonyms.VALUES.get(group, {}).get(plain(value))) is not None and value not in catalog.options(
        group
    ):
        return elsewhere.split()
    if group in catalog.LISTS:
        return _listed(group, value)
    names = value.split(",") if not value.startswith("[") else [value]
    found = [name if name in catalog.options(group) else _option(group, name) for name in names]
    if len(names) > 1:  # of a sweep: each has to be one option
        kept = [name if option is None or " " in option else option for name, option in zip(names, found, strict=True)]
        return [f"{group}={','.join(kept)}"]
    if value in catalog.options(group):
        return [typed]
    if group == "data" and (found[0] is None or _is_path(value)):
        return _data_of(value.strip("'\"")) or [typed]
    return _chosen(group, found[0]) if found[0] is not None else [typed]


def _is_path(word: str) -> bool:
    return word.startswith((".", "/", "~")) or Path(word).expanduser().is_dir() or Path(word).suffix.lower() in _READ


def _listed(group: str, value: str) -> list[str]:
    """Several options; those of the callbacks need ``default`` among them, which saves the checkpoint."""
    typed = f"{group}={value}"
    names = [name.strip(" '\"") for name in value.strip("[]").split(",")]
    if value.startswith("[") is False and "," in value:
        return [typed]  # a sweep over single options
    found = [name if name in catalog.options(group) else _option(group, name) for name in names if name]
    if not found or None in found:
        return [typed]
    known = [str(name) for name in dict.fromkeys(found)]
    saves = any("checkpoint" in catalog.option_file(group, name) for name in known)
    if known == names and saves:
        return [typed]
    return [f"{group}=[{','.join(known if saves else ['default', *known])}]"]


def _option(group: str, word: str) -> str | None:
    """The option that a word of another tool means; some are an option and further overrides, with spaces between."""
    word = word.strip("'\"")
    options = catalog.options(group)
    last = word.rstrip("/").rpartition("/")[2]  # of hub names, as microsoft/resnet-50
    candidates = [word, last, word.removesuffix(".yaml"), word.rpartition(".")[2], last.partition(".")[0]]
    for each in dict.fromkeys(filter(None, candidates)):
        if (found := synonyms.same(each, options)) or (found := synonyms.OPTIONS.get(group, {}).get(plain(each))):
            return found
    name = last.lower().replace("-", "_")
    if group == "model" and _TIMM.fullmatch(name.partition(".")[0]):
        return f"timm model.architecture={name}"
    return None


def _chosen(group: str, option: str) -> list[str]:
    first, *more = option.split()
    return [f"{group}={f'[default,{first}]' if group in catalog.LISTS and first != 'default' else first}", *more]


def _data_of(word: str) -> list[str] | None:
    """The overrides that read a file or a folder, or make an environment; None if the word is neither."""
    path = Path(word).expanduser()
    suffixes = [each.lower() for each in path.suffixes]
    ends = next((each for each in suffixes[::-1] if each not in (".gz", ".zip", ".bz2", ".xz")), "")
    if ends in _READ:
        return [f"data={_READ[ends]}", override("data.path", word)]
    if ends in _WEIGHTS:
        return [override("model.pretrained", word)]
    if re.fullmatch(r"([\w.-]+[:/])?\w+-v\d+", word):
        return ["data=gym", override("data.id", word)]
    if path.is_dir() or ("/" in word and not ends):
        return ["data=image_folder", override("data.root", word.rstrip("/") or word)]
    return None


def _run_of(place: str) -> str:
    """The run directory that a checkpoint lies in, or the directory itself."""
    path = Path(place)
    if path.suffix in (".ckpt", ".pt", ".pth"):
        path = path.parent
        if path == Path():
            return "RUN_DIR"  # a file alone says nothing of its run
    return str(path.parent if path.name == "checkpoints" else path)


def _existing(answer: _Answer) -> list[str]:
    """The corrected words without options and keys that do not exist, each of which is noted."""
    guessed = {text for each in answer.wrong for text in each.meant}
    own = any(text.partition("=")[0] in _OWN_FOLDERS or "searchpath" in text for text in answer.words)
    merged: list[str] = []
    for text in _merged(answer.words):
        if not own and (said := _no_option(text)):
            answer.notes.append(said)
        else:
            merged.append(text)
    keyed = [text for text in merged if text in guessed and not _is_open(text)]
    known = _keys_with(tuple(text for text in merged if text not in keyed)) if keyed else ()
    words: list[str] = []
    for text in merged:
        ways = [each for way in text.split(_OR) if (each := _with_key(way, known))] if text in keyed else [text]
        words += ways[:1]
        if not ways:
            answer.notes.append(_no_key(text.partition("=")[0], merged))
    return words


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


def _is_open(text: str) -> bool:
    """Whether an override chooses an option, or sets a key outside of all options."""
    key = text.partition("=")[0].lstrip("+~")
    return key in (*catalog.GROUPS, *GLOBALS) or key.partition(".")[0] in _OPEN_KEYS


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
