"""Importance of hyperparameters, computed from the Optuna study in a sweep directory."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from netyard.run_directories.records import one_line


def importances(places: Sequence[Path], notes: list[str]) -> dict[str, dict[str, float]]:
    """Return the importance of each hyperparameter (fANOVA, Hutter et al. 2014) for every ``study.db`` found.

    The values of a study sum to 1. The keys name the sweep if there are several, and the objective if a study has
    several. Empty without Optuna, or if a study has fewer than two different trials.

    Args:
        places: folders that are searched with all their subfolders.
        notes: messages on unreadable files are appended here.
    """
    # find_spec does not import Optuna, which is slow and optional.
    files = sorted({path.resolve() for place in places for path in _studies(place)})
    if not files or importlib.util.find_spec("optuna") is None:
        return {}
    found: dict[str, dict[str, float]] = {}
    for path in files:
        for objective, weights in _weights(path, notes).items():
            found["_".join(part for part in (path.parent.name if len(files) > 1 else "", objective) if part)] = weights
    return found


def _studies(place: Path) -> list[Path]:
    return [Path(folder) / "study.db" for folder, _, files in os.walk(place) if "study.db" in files]


def _weights(path: Path, notes: list[str]) -> dict[str, dict[str, float]]:
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    # Optuna creates its tables in any database that it opens; read-only, it cannot change a file of another program.
    address = f"sqlite:///file:{quote(str(path))}?mode=ro&uri=true"
    found: dict[str, dict[str, float]] = {}
    try:
        storage = optuna.storages.RDBStorage(address)
        for summary in optuna.get_all_study_summaries(storage):
            study = optuna.load_study(study_name=summary.study_name, storage=storage)
            several = len(study.directions) > 1
            names = study.metric_names or [str(index) for index in range(len(study.directions))]
            for index, name in enumerate(names):
                if weights := _importances(study, index if several else None):
                    found[name if several else ""] = weights
        storage.engine.dispose()  # or a connection would stay open until the process ends
    except (RuntimeError, SQLAlchemyError) as error:  # tables of another version of Optuna, or of another program
        notes.append(f"{path} cannot be read: {one_line(error)}")
    return found


def _importances(study: Any, index: int | None) -> dict[str, float]:
    """Importances for one objective of a study, by its index; None for a study with a single objective."""
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    # fANOVA fits a random forest: a fixed seed gives the same report each time.
    target = None if index is None else lambda trial: trial.values[index]
    try:
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0), target=target)
    except (ValueError, RuntimeError):  # raised for too few trials, or for trials with equal results
        return {}
    return {str(key): float(share) for key, share in found.items()}
