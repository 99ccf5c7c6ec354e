"""Mask secrets in everything that a run or sweep writes or prints. Imports no torch.

Masked are values of a key that names a secret (``api_key``, ``hub_token``, ``password``), passwords in URLs, and the
values of environment variables with such names, wherever they occur.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any
from urllib.parse import quote, quote_plus

from omegaconf import OmegaConf

from netyard.errors import ConfigError

MASK = "***"
SHORTEST = 6  # characters; a shorter value, such as "1", occurs in any text

# One of these words anywhere in a key makes it a secret's.
_STRONG = {"secret", "secrets", "password", "passwd", "passphrase", "pwd", "credential", "credentials", "dsn", "apikey"}
# "key" is a secret only after one of these words, as in api_key; not in sort_key.
_KEYS = {"api", "access", "private", "secret", "signing", "encryption", "ssh", "auth", "account", "storage", "hub"}
# "token" is no secret after one of these words: pad_token and the like are tokens of text.
_OF_TEXT = {"pad", "unk", "bos", "eos", "mask", "sep", "cls", "start", "end", "stop", "blank", "per", "first", "last"}
_VARIABLE = re.compile(r"(^|_)(API)?KEYS?(_|$)|TOKENS?(_|$)|SECRET|PASSW|PASSPHRASE|CREDENTIAL|(^|_)(DSN|PASS|PWD)$")
# Variables that say where a secret is, not what it is; PWD is the working directory.
_NOT_ITSELF = re.compile(r"_(PATH|FILE|DIR|SOCK|FINGERPRINT)$|^(OLD)?PWD$")
# Words of snake_case, camelCase and HTTPServer alike.
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_URL = re.compile(r"(\b[a-zA-Z][\w+.-]*://[^\s:/@'\"]*:)[^\s/'\"]+@")
_KEY = re.compile(r"([\w.-]*\w)([\"']?\s*[=:]\s*)")
_VALUE = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s,;&'\"}\])]+")


def text(words: str) -> str:
    """Return the text with its secrets masked, also those in it as ``password=...`` or ``api_key: ...``."""
    return _masked(words, _values())


def _masked(words: str, secrets: Iterable[str]) -> str:
    for value in secrets:
        words = words.replace(value, MASK)
    return _without_pairs(_URL.sub(rf"\1{MASK}@", words))


def tree(value: Any, key: str = "") -> Any:
    """Return lists and mappings with the secrets in them masked; ``key`` is the key of the value itself."""
    # The environment is read once for the whole tree: a config has hundreds of texts.
    return _tree(value, key, _values())


def _tree(value: Any, key: str, secrets: Sequence[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _tree(item, str(name), secrets) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_tree(item, key, secrets) for item in value]
    if isinstance(value, str):
        return MASK if value and is_secret(key) and not _is_placeholder(value) else _masked(value, secrets)
    # A number is a secret only under the strong words: max_tokens=512 or key=3 must stay readable.
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return MASK if number and _STRONG & {*_split(key)} else value


def overrides(texts: Iterable[str]) -> list[str]:
    """Return overrides that can be used again: secrets of the environment become ``${oc.env:...}``, others a mask."""
    masked, variables, secrets = [], _variables(), _values()
    for each in texts:
        key, equals, value = each.partition("=")
        for name, secret in variables.items():
            value = value.replace(secret, f"${{oc.env:{name}}}")
        masked.append(f"{key}{equals}{_tree(value, key, secrets) if equals else value}")
    return masked


def drop_masked(texts: Iterable[str]) -> list[str]:
    """Return recorded and new overrides without the masked ones, each of which must be given again.

    Raises:
        ConfigError: a masked override is not given again.
    """
    kept: dict[str, list[str]] = {}
    for each in texts:
        kept.setdefault(each.partition("=")[0].lstrip("+"), []).append(each)
    masked = [key for key, each in kept.items() if MASK in each[-1]]
    if masked:
        raise ConfigError(
            f"{masked[0]} is a secret, which was not saved with the run;",
            "a command that is repeated from its files needs the secrets again, or as '${oc.env:NAME}' from the start;",
            f"add {masked[0]}=... to the command.",
        )
    return [_signed(each, several[0]) for several in kept.values() for each in several if MASK not in each]


def _signed(override: str, first: str) -> str:
    """Return the override with the + of the masked one that it replaces: the key is not in the config without it."""
    sign = first[: len(first) - len(first.lstrip("+"))]
    return f"{sign}{override}" if MASK in first and not override.startswith("+") else override


def container(config: Any) -> Any:
    """Return a config as plain mappings and lists for a file: interpolations not resolved, secrets masked."""
    node: Any = OmegaConf.to_container(config, resolve=False, enum_to_str=True)
    if isinstance(node, list):
        return overrides(node)
    if "hydra" in node:
        asked = node["hydra"].get("overrides") or {}
        node["hydra"]["overrides"] = {name: overrides(texts) for name, texts in asked.items()}
        return {name: each if name == "overrides" else tree(each, name) for name, each in node.items()}
    return tree(node)


class Formatter(logging.Formatter):
    """Formats a record, its traceback included, and masks the secrets in it."""

    def format(self, record: logging.LogRecord) -> str:
        return text(super().format(record))


@cache
def is_secret(key: str) -> bool:
    """Whether the value of a key is a secret: for ``data.hub_token`` it is, for ``max_tokens`` not."""
    words = _split(key)
    before = words[-2] if len(words) > 1 else ""
    if _STRONG & {*words}:
        return True
    return bool(words) and (
        (words[-1] == "key" and before in _KEYS) or (words[-1] == "token" and before not in _OF_TEXT)
    )


def _split(key: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(key.rpartition(".")[2]))


def _is_placeholder(value: str) -> bool:
    """Whether a value is an interpolation, a mask or empty, and so contains no secret itself."""
    return value.startswith("${") or value in (MASK, "???", "null", "''", '""')


def _without_pairs(words: str) -> str:
    """Return the text with VALUE masked in each ``KEY=VALUE`` and ``KEY: VALUE`` whose key names a secret."""
    # One pass with positions: a substitution by regex would find keys inside values that are masked already.
    masked, at = "", 0
    for found in _KEY.finditer(words):
        prose = found[2].endswith(": ") and _split(found[1])[-1:] == ("token",)  # "the next token: the"
        value = None if found.start() < at or prose or not is_secret(found[1]) else _VALUE.match(words, found.end())
        if value and not _is_placeholder(value[0].strip("'\"")):
            masked, at = masked + words[at : found.end()] + MASK, value.end()
    return masked + words[at:]


def _variables() -> dict[str, str]:
    """Return the secrets of the environment, longest first: one may be part of another."""
    found = {name: value for name, value in os.environ.items() if len(value) >= SHORTEST and _is_secret_variable(name)}
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


@cache
def _is_secret_variable(name: str) -> bool:
    return bool(_VARIABLE.search(name.upper()) and not _NOT_ITSELF.search(name.upper()))


def _values() -> list[str]:
    """Return the secrets of the environment as they may be written: plain, in JSON, in Python, in a URL."""
    spelled: dict[str, None] = {}
    for value in _variables().values():
        for each in (value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe=""), quote_plus(value)):
            spelled[each] = None
    return list(spelled)
