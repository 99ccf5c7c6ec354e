"""Inert stand-ins for objects in files of weights from elsewhere, such as the arguments of a training script.

Training scripts save more than weights: an ``argparse.Namespace``, paths, NumPy scalars, a config. torch's restricted
unpickler (``weights_only=True``) refuses a file with any of them. For the names listed here it gets a class that keeps
nothing and calls nothing, whatever the file asks for: no code of the named packages is imported or run. A name that is
not listed, such as that of a function or of a network, is refused as before.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from typing import Any


class Inert:
    """Stands for any object; its arguments and its state are dropped."""

    def __new__(cls, *_: Any, **__: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None: ...

    def __setstate__(self, _: Any) -> None: ...


# The unpickler fills exactly these two types, and no subclasses of them.


class InertDict:
    """Stands for a subclass of dict; a call makes a plain one."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return OrderedDict()  # not dict: torch accepts further attributes for this one


class InertList:
    """Stands for a subclass of list, or a deque; a call makes a plain list."""

    def __new__(cls, *_: Any, **__: Any) -> Any:
        return []


def _below(module: str, names: str) -> list[str]:
    return [f"{module}.{name}" for name in names.split()]


_TYPES = "bool int float complex str bytes bytearray list tuple dict set frozenset range slice object"
_NUMPY_TYPES = "bool bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 str_ dtype ndarray"
_PATHS = "Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath"
_CALLBACKS = {
    "model_checkpoint": "ModelCheckpoint",
    "early_stopping": "EarlyStopping",
    "lr_monitor": "LearningRateMonitor",
    "stochastic_weight_avg": "StochasticWeightAveraging",
    "weight_averaging": "WeightAveraging EMAWeightAveraging",
    "progress.tqdm_progress": "TQDMProgressBar",
    "progress.rich_progress": "RichProgressBar",
    "timer": "Timer",
}

_STAND_INS: dict[str, type] = dict.fromkeys(
    [
        *_below("argparse", "Namespace"),
        *_below("types", "SimpleNamespace"),
        *_below("pathlib", _PATHS),
        *_below("pathlib._local", _PATHS),  # Python 3.13
        *_below("datetime", "datetime date time timedelta timezone"),
        *_below("uuid", "UUID SafeUUID"),
        *_below("decimal", "Decimal"),
        *_below("fractions", "Fraction"),
        *_below("typing", "Any Union Optional"),
        *_below("builtins", _TYPES),
        *_below("__builtin__", _TYPES),  # as Python 3 writes it for protocol 2, which is that of torch
        *_below("numpy", _NUMPY_TYPES),
        *_below("numpy.dtypes", "BoolDType StrDType Float16DType Float32DType Float64DType"),
        *_below("numpy.dtypes", " ".join(f"{sign}Int{bits}DType" for sign in ("", "U") for bits in (8, 16, 32, 64))),
        # core became _core in NumPy 2.
        *(f"numpy.{core}.multiarray.{name}" for core in ("core", "_core") for name in ("scalar", "_reconstruct")),
        *(f"numpy.{core}.numeric._frombuffer" for core in ("core", "_core")),
        *_below("omegaconf.dictconfig", "DictConfig"),
        *_below("omegaconf.listconfig", "ListConfig"),
        *_below("omegaconf.base", "ContainerMetadata Metadata"),
        *_below("omegaconf.nodes", "AnyNode StringNode IntegerNode FloatNode BooleanNode BytesNode PathNode EnumNode"),
        *_below("yacs.config", "CfgNode"),
        *_below("ml_collections.config_dict.config_dict", "ConfigDict FrozenConfigDict FieldReference"),
        *_below("torch.torch_version", "TorchVersion"),
        *_below("torch.nn.modules.activation", "ReLU GELU SiLU Tanh Sigmoid LeakyReLU ELU"),
        *_below("torch.nn.modules.normalization", "LayerNorm GroupNorm"),
        *_below("torch.nn.modules.batchnorm", "BatchNorm1d BatchNorm2d"),
        *(
            f"{library}.callbacks.{module}.{name}"
            for library in ("pytorch_lightning", "lightning.pytorch")
            for module, names in _CALLBACKS.items()
            for name in names.split()
        ),
    ],
    Inert,
)
_STAND_INS |= dict.fromkeys(
    [
        "collections.defaultdict",
        "pytorch_lightning.utilities.parsing.AttributeDict",
        "lightning.pytorch.utilities.parsing.AttributeDict",
        "lightning_fabric.utilities.data.AttributeDict",
        "lightning.fabric.utilities.data.AttributeDict",
        "easydict.EasyDict",
        "addict.addict.Dict",
        "addict.Dict",
        "munch.Munch",
    ],
    InertDict,
)
_STAND_INS |= dict.fromkeys(["collections.deque"], InertList)

# A class of the training script itself, such as a dataclass with its settings. Not a function, nor a name further in.
_OF_A_SCRIPT = re.compile(r"__main__\.[A-Z]\w*", re.ASCII)


def stand_ins(names: set[str]) -> list[tuple[type, str]]:
    """Return stand-ins for the listed names and for classes of a script, as ``torch.serialization.safe_globals`` takes
    them.

    Args:
        names: the names in a file that torch does not know.
    """
    of_script = {name: Inert for name in names if _OF_A_SCRIPT.fullmatch(name)}
    return [(stand_in, name) for name, stand_in in {**_STAND_INS, **of_script}.items()]
