"""Files that a user gives ``netyard evaluate``: all of their samples are tested, unless they are the run's own."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from netyard.tasks.interfaces import DescribesTexts, TestsFiles, class_names
from netyard.training import checkpoint

log = logging.getLogger(__name__)

_TEST_KEYS = {"data.test_path": "path", "data.test_root": "root", "data.test_labels": "labels"}


@dataclass
class TestedFiles:
    """The files that were typed for a test of a run."""

    typed: Collection[str]
    """The keys that the user has changed."""
    recorded: Mapping[str, Any]
    """The checkpoint of the run."""
    explicit: bool
    """Whether all samples are wanted, also if they are those of the run: ``data.test_path=...``."""

    @classmethod
    def of(cls, cfg: DictConfig, recorded: Mapping[str, Any], typed: Collection[str]) -> TestedFiles:
        """From the changed config; a file for testing alone takes the place of the run's, which is not read then."""
        wanted = {key: name for key, name in _TEST_KEYS.items() if key in typed and cfg.data.get(f"test_{name}")}
        for name in wanted.values():
            cfg.data[name] = cfg.data[f"test_{name}"]
        return cls(typed, recorded, bool(wanted))

    def apply(self, data: Any) -> None:
        """Before the data are read: have all samples tested, if the files are not those that the run was trained on."""
        if isinstance(data, TestsFiles) and self._are_given(data) and (self.explicit or not self._are_own(data)):
            data.test_all()

    def prepare(self, data: Any) -> None:
        """After the data were read: log what is tested, and let tests that need a training split have the run's."""
        if not isinstance(data, TestsFiles) or not self._are_given(data):
            return
        if data.tests_all and class_names(data) == self._state.get("class_names"):
            config = self.recorded["netyard"]["config"]
            data.train_on(lambda: checkpoint.build_data(self.recorded, config))
        self._log(data)

    def _are_given(self, data: TestsFiles) -> bool:
        # The folder of images that a file of labels names is given, too.
        keys = {f"data.{data.GIVEN[0]}", "data.root"} if data.GIVEN is not None else set()
        return data.GIVEN is not None and (self.explicit or not keys.isdisjoint(self.typed))

    def _are_own(self, data: TestsFiles) -> bool:
        """Whether the run was trained on these files, wherever they are now."""
        assert data.GIVEN is not None
        if known := self._state.get("fingerprint_of_files"):
            return known == data.files_key()
        # A run of an older version has no hash of its files.
        one, other = (Path(str(each)).expanduser() for each in (self._recorded(data.GIVEN[0]), _place(data)))
        return one.exists() and other.exists() and one.samefile(other)

    def _recorded(self, key: str) -> Any:
        return self.recorded["netyard"]["config"]["data"].get(key) or ""

    @property
    def _state(self) -> Mapping[str, Any]:
        return checkpoint.data_state(self.recorded)

    def _log(self, data: Any) -> None:
        count, (key, unit) = len(data.split("test")), data.GIVEN
        counted = f"{count:,} {unit if count != 1 else unit.removesuffix('s')}"
        if data.tests_all:
            log.info(
                "all %s of %s are tested" if count != 1 else "the %s of %s is tested", counted, data.sources["test"]
            )
        else:
            own = _place(data)
            said = (
                "%s is what the run was trained on: only its test part is tested, %s; data.test_%s=%s tests all of it"
            )
            log.info(said, own, counted, key, own)
        if data.tests_all and isinstance(data, DescribesTexts):
            for facts in data.describe_texts().values():
                log.info("%s", facts["sentence"])
        for each in data.left_out:
            log.info("left out: %s %s (%s)", f"{each['count']:,}", each["what"], each["why"])
        if missing := _missing_classes(data):
            log.info("no %s of %s", unit, ", ".join(missing))


def _place(data: Any) -> str:
    return str(getattr(data, data.GIVEN[0]))


def _missing_classes(data: Any) -> list[str]:
    """The classes of the network of which the test has no sample."""
    y, names = data.split("test").y, class_names(data) or []
    if not names or y.is_floating_point() or y.ndim != 1:
        return []
    return [names[number] for number in (torch.bincount(y.cpu(), minlength=len(names)) == 0).nonzero()[:, 0].tolist()]
