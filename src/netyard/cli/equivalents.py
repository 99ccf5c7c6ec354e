"""The overrides that have the effect of a setting, a name or a path as other tools take it. Imports no torch."""

from __future__ import annotations

import functools
import itertools
import re
from pathlib import Path

from netyard.config import catalog, synonyms
from netyard.config.overrides import override
from netyard.config.schema import GLOBALS
from netyard.config.synonyms import plain
from netyard.sweeps.arguments import CHOICES, SHORT

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", re.IGNORECASE)
OR = " | "  # between alternatives, of which the first is taken whose key exists
OPEN_KEYS = ("hydra", *GLOBALS, *SHORT, *CHOICES)
_NUMBERS_OF_DEVICES = ("gpus", "numgpus", "ngpus", "ngpu")
_DEVICES = ("device", "gpu", "gpuids", "cudadevice")  # their names or indices
_READ = {".csv": "csv", ".tsv": "csv", ".txt": "text", ".md": "text"}  # suffix of a file -> the option of data
_WEIGHTS = (".pt", ".pth", ".safetensors", ".bin")
_TIMM = re.compile(  # prefixes of names that only timm has
    r"(vit|deit|swin|convnext|regnet|mixer|beit|eva|cait|maxvit|coat|nfnet|resnext|wide_resnet|seresnet|resnest|"
    r"efficientvit|mobilevit|mobileone|repvgg|ghostnet|hrnet|levit|poolformer|xcit|volo|tf_|ese_|gmlp|resmlp|"
    r"darknet|cspresnet|fastvit|hiera|samvit|rexnet|edgenext|inception_resnet|xception|dpn|dla|visformer|tiny_vit)\w*"
)


def named(word: str) -> list[str] | None:
    """The overrides for a name or a path that stands alone."""
    if Path(word).suffix == ".ckpt":
        return [override("resume", run_of(word))]
    for find in (lambda group: word if word in catalog.options(group) else None, lambda group: _option(group, word)):
        for group in catalog.GROUPS:
            if (found := find(group)) is not None:
                return _chosen(group, found)
    return data_of(word)


@functools.cache
def known_words() -> set[str]:
    return {*synonyms.KEYS, *synonyms.CHOICES, *synonyms.VALUES, *synonyms.WITHOUT, *_NUMBERS_OF_DEVICES, *_DEVICES}


def overrides_for(key: str, value: str, own: bool) -> list[str] | None:
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
    if (key in OPEN_KEYS and key != "resume") or first in ("hydra", *SHORT, *catalog.LISTS) or "/" in key:
        return [f"{key}={value}"]
    if group in catalog.GROUPS and last in catalog.GROUPS:  # trainer.callbacks=EarlyStopping
        return _choice(last, value, own)
    # Reading the files of all options takes a tenth of a second, so only for words that other tools have, too.
    if group in catalog.GROUPS and (word not in known_words() or _has_key(group, last)):
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
        return ["resume=auto"] if value in ("true", "last", "best") else [override("resume", run_of(value))]
    if "[{}]" in meaning:
        value = value.removeprefix("[").removesuffix("]").replace(" ", "")
    elif meaning.endswith(("_path={}", "_root={}", ".dir={}")):
        return [override(meaning.partition("=")[0], value)]
    elif meaning.endswith("_fraction={}") and not NUMBER.fullmatch(value):
        return None
    elif meaning == "data.image_size={}":
        sides = value.strip("[]").split(",")[-2:]  # of channels, height and width
        value = sides[0] if len({*sides}) == 1 else f"[{','.join(sides)}]"
    elif meaning == "optimizer=momentum optimizer.momentum={}" and value in ("0", "0.0"):
        return []
    ways = meaning.split(OR)
    parts = meaning.split() if len(ways) == 1 else [meaning]
    return [part.replace("{}", value) for part in parts]


def _device(word: str, value: str) -> list[str] | None:
    numbers = [part for part in re.split(r"[,\s]+", value.strip("[]").replace("cuda:", "")) if part]
    if (meant := synonyms.VALUES["device"].get(value.lower())) is not None:
        return meant.split()
    if value.lower() in ("-1", "all"):
        return ["trainer=ddp"]
    if value.lower() == "true":
        return ["trainer=gpu"]
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
    if group in catalog.LISTS:
        return _listed(group, value)
    names = value.split(",") if not value.startswith("[") else [value]
    found = [name if name in catalog.options(group) else _option(group, name) for name in names]
    if len(names) > 1:  # of a sweep: each has to be one option
        kept = [name if option is None or " " in option else option for name, option in zip(names, found, strict=True)]
        return [f"{group}={','.join(dict.fromkeys(kept))}"]  # of two words for one option the sweep needs one
    if value in catalog.options(group):
        return [typed]
    if group == "data" and (found[0] is None or is_path(value)):
        return data_of(value.strip("'\"")) or [typed]
    return _chosen(group, found[0]) if found[0] is not None else [typed]


def is_path(word: str) -> bool:
    return word.startswith((".", "/", "~")) or Path(word).expanduser().is_dir() or Path(word).suffix.lower() in _READ


def _listed(group: str, value: str) -> list[str]:
    """Several options; those of the callbacks need ``default`` among them, which saves the checkpoint."""
    typed = f"{group}={value}"
    if "," in value and (not value.startswith("[") or not _is_one_list(value)):
        return [typed]  # a sweep over options, or over lists of them
    if (elsewhere := synonyms.VALUES[group].get(plain(value))) is not None:  # scheduler=plateau
        return elsewhere.split()
    names = [name.strip(" '\"") for name in value.strip("[]").split(",")]
    found = [name if name in catalog.options(group) else _option(group, name) for name in names if name]
    if not found or None in found:
        return [typed]
    known = [str(name) for name in dict.fromkeys(found)]
    saves = any("checkpoint" in catalog.option_file(group, name) for name in known)
    if known == names and saves:
        return [typed]
    return [f"{group}=[{','.join(known if saves else ['default', *known])}]"]


def _is_one_list(value: str) -> bool:
    """Whether the bracket at the start of a value is closed at its end: not so in ``[a],[b]``."""
    depths = list(itertools.accumulate((text == "[") - (text == "]") for text in value))
    return 0 not in depths[:-1]


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


def data_of(word: str) -> list[str] | None:
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


def run_of(place: str) -> str:
    """The run directory that a checkpoint lies in, or the directory itself."""
    path = Path(place)
    if path.suffix in (".ckpt", ".pt", ".pth"):
        path = path.parent
        if path == Path():
            return "RUN_DIR"  # a file alone says nothing of its run
    return str(path.parent if path.name == "checkpoints" else path)
