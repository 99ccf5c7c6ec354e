"""Write ``.hydra/`` of a run: config.yaml, hydra.yaml and overrides.yaml as Hydra does, but without secrets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from netyard.config import hydra_guard, hydra_internals
from netyard.io.atomic import write_atomically
from netyard.run_directories.directory import RunDir


def write(run_dir: RunDir, cfg: DictConfig) -> None:
    """Write the three files of the current ``HydraConfig``; for a resumed run only when the resume is accepted.

    Nothing is written under ``hydra.output_subdir=null``.

    Args:
        run_dir: claimed by this process.
        cfg: the composed config, interpolations not resolved.
    """
    node: Any = HydraConfig.instance().cfg
    folder = hydra_guard.restore_output_subdir(node.hydra)
    if folder is None:
        return
    # In a sweep (mode MULTIRUN) a job directory has a status.json too if the job was started before.
    resumed = node.hydra.mode.name == "RUN" and bool(run_dir.status())
    for name, part in (("config", cfg), ("hydra", node), ("overrides", node.hydra.overrides.task)):
        path, text = run_dir.path / Path(folder) / f"{name}.yaml", hydra_internals.masked_yaml(part)
        if resumed:
            run_dir.defer(path, text)
        else:
            write_atomically(path, text, sync=False)
