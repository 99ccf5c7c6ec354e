"""Folders with configs that are searched besides netyard's own ``conf/``: what ``--config-dir`` names."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.search_path_plugin import SearchPathPlugin

from netyard.config.compose import added_folders


class AddedFolders(SearchPathPlugin):
    """The public way to what ``hydra.main`` does with the flag, which ``hydra.initialize_config_dir`` lacks."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        for folder in added_folders():
            search_path.append(provider="command-line", path=f"file://{folder}")
