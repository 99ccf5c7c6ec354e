"""Where Hydra looks for options besides netyard's own conf/: in the installed packages that extend netyard."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin


class PackagesSearchPath(SearchPathPlugin):
    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        from netyard.config import catalog

        for source in catalog.sources()[1:]:
            search_path.append(f"package {source.name}", f"file://{source.folder}")
