"""Folders that Hydra searches after netyard's ``conf/``: those of installed packages, and of ``--config-dir``."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from netyard.config import catalog
from netyard.config.compose import added_folders


class Packages(SearchPathPlugin):
    """The ``conf/`` of each package that extends netyard."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        # Without netyard's own, which is the primary search path already.
        for source in catalog.sources()[1:]:
            search_path.append(provider=f"package {source.name}", path=f"file://{source.folder}")


class AddedFolders(SearchPathPlugin):
    """The folders of ``--config-dir``, a flag of ``hydra.main`` that ``hydra.initialize_config_dir`` does not have."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        # The provider has the name that hydra.main gives it: sweeps find the folder by it, to pass it on to jobs.
        for folder in added_folders():
            search_path.append(provider="command-line", path=f"file://{folder}")
