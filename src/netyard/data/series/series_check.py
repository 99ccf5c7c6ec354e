"""Check of ``data=series`` before torch is imported: see ``netyard.config.data_check``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netyard.data.core.early_checks import is_large
from netyard.data.series.channels import Channels
from netyard.data.series.frame import read_frame
from netyard.data.series.lengths import Lengths
from netyard.data.series.settings import SeriesSettings
from netyard.data.series.tracks import Known
from netyard.errors import ConfigError


def check(data: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Read the files of a series; returns nothing, because what the network needs follows from the training part.

    Of a large file nothing is said, because it takes longer to read than torch to import.

    Args:
        data: the resolved config of the data set.

    Raises:
        DataError: see ``read_frame`` and ``Lengths.require``.
        ConfigError: see ``SeriesSettings.roles``.
    """
    settings = SeriesSettings.of(data)
    _ = settings.roles
    if (data.get("season") or 1) > data["window"]:
        raise ConfigError(
            f"data.season is {data['season']} and data.window {data['window']};",
            "the window must include a season, because the seasonal naive forecast repeats it;",
            f"try data.window={data['season']}, or data.season=1.",
        )
    path = Path(settings.path).expanduser()
    if settings.package is None and is_large(path):
        return {}, ""
    frame = read_frame(settings)
    val, test = (
        0.0 if data.get(f"{name}_path") is not None else float(data.get(f"{name}_fraction") or 0)
        for name in ("val", "test")
    )
    lengths = Lengths(data["window"], data["horizon"], data.get("season") or 1, val, test)
    begin = min(track.first for track in frame.tracks)
    end = max(track.first + track.known for track in frame.tracks)
    lengths.require(end - begin, f"column {settings.targets[0]!r} of {frame.table.path}")
    channels = Channels.learn(frame, frame.tracks, end, data.get("calendar") or (), len(frame.tracks) > 1)
    channels.require_static(frame, frame.tracks)
    for name in ("val", "test"):
        if (other := data.get(f"{name}_path")) is not None:
            known = Known(channels.words, frame.reading, frame.frequency)
            read_frame(SeriesSettings.of(data, path=str(other), package=None, key=f"data.{name}_path"), known)
    return {}, ""
