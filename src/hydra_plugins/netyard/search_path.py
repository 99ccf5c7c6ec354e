"""Folders with configs that are searched after netyard's own ``conf/``: of installed packages, and ``--config-dir``."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from netyard.config import catalog
from netyard.config.compose import added_folders


class Packages(SearchPathPlugin):
    """The ``conf/`` of each package that extends netyard."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for source in catalog.sources()[1:]:
            search_path.append(provider=f"package {source.name}", path=f"file://{source.folder}")


class AddedFolders(SearchPathPlugin):
    """The public way to what ``hydra.main`` does with the flag, which ``hydra.initialize_config_dir`` lacks."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in added_folders():
            search_path.append(provider="command-line", path=f"file://{folder}")
