"""Which data a run was scored on: only scores on the same data are ranked, and only those on the same split paired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from netyard.run_directories.records import MISSING, Run, find

# Keys of data sets that say which samples and targets there are; others say how samples are prepared.
_SAMPLES = (
    *("path", "val_path", "test_path", "target_path", "labels", "val_labels", "test_labels", "val_root", "test_root"),
    *("dataset", "package", "id", "make", "game", "options", "size", "max_number", "max_characters", "direction"),
    *("target", "target_kind", "column", "text_column", "label_column", "source", "series_id", "horizon", "normal"),
)
_FOLDERS_OF_SAMPLES = (".ImageFolder",)  # classes whose root is the data; of others it is where downloads are kept
# A perplexity is of one token, so it depends on what a token is.
_UNITS = {"perplexity": ("tokens", "bpe_size", "min_count", "lowercase")}
SPLIT = ("val_fraction", "test_fraction", "split_seed", "num_folds")
DEBUG = "debug"


def data_set(run: Run, metric: str) -> dict[str, Any]:
    """The option and the keys of the data that a metric of a run is of; equal for runs that can be ranked together."""
    names = [*_SAMPLES, *_UNITS.get(metric.partition("/")[2], ())]
    if str(find(run.config, "data._target_")).endswith(_FOLDERS_OF_SAMPLES):
        names.append("root")
    found = {"data": run.value("data")} | {f"data.{name}": _value(run, f"data.{name}") for name in names}
    return {key: value for key, value in found.items() if value not in (MISSING, None)}


def differing(found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The keys that tell these data sets apart: the option, and others where they differ within one option."""
    keys = dict.fromkeys(key for each in found for key in each)
    # Of data=iris and data=wine data.dataset differs, too, which says nothing more.
    pairs = [(one, other) for one in found for other in found if one.get("data") == other.get("data")]
    apart = {key for one, other in pairs for key in keys if one.get(key) != other.get(key)}
    options = {str(each.get("data")) for each in found}
    return [key for key in keys if key in apart or (key == "data" and len(options) > 1)]


def other_split(one: Run, other: Run) -> list[str]:
    """The keys by which two runs of one data set were validated on different samples; empty if on the same."""
    keys = [f"data.{name}" for name in SPLIT]
    return [key for key in keys if one.value(key) != other.value(key)]


def is_ranked(run: Run) -> bool:
    """Whether a run is one to compare: not one with ``debug=``, which sees a few batches only."""
    return run.choices.get(DEBUG) is None and find(run.config, "trainer.fast_dev_run") in (MISSING, None, False, 0)


def unranked(runs: Sequence[Run]) -> str:
    """A sentence on completed runs with ``debug=``; empty if there are none."""
    found = [run for run in runs if run.state == "completed" and not is_ranked(run)]
    names = sorted({f"debug={run.choices[DEBUG]}" if run.choices.get(DEBUG) else "fast_dev_run" for run in found})
    verb = "is" if len(found) == 1 else "are"
    return f"{len(found)} completed with {', '.join(names)} {verb} not ranked." if found else ""


def _value(run: Run, key: str) -> Any:
    # data.options of an environment is a mapping, which Run.value does not show.
    found = find(run.config, key)
    return found if isinstance(found, Mapping) and found else run.value(key)
