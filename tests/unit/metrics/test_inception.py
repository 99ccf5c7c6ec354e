"""The file of Inception's weights is found, downloaded and checked."""

from __future__ import annotations

import hashlib
import pickle
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from netyard.errors import DataError, PlatformError
from netyard.metrics import inception
from netyard.metrics.inception import Inception, find_weights
from support.inception_weights import write_weights

URL = "http://127.0.0.1:9/weights.pth"  # the port of discard, where nobody answers


@pytest.fixture(autouse=True)
def no_downloads_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weights(tmp_path_factory.mktemp("inception"))


def test_weights_are_found_in_the_download_folder_of_torch(tmp_path: Path) -> None:
    path = tmp_path / "hub" / "checkpoints" / "weights.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    assert find_weights(URL, tmp_path / "ours") == path


def test_a_failed_download_names_the_folder_for_the_weights(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be downloaded: .*; .*fetch http.*weights\.pth on another machine"):
        find_weights(URL, tmp_path / "ours")


def test_weights_are_downloaded_once_and_their_hash_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"weights"
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "weights.pth").write_bytes(content)
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(quiet, directory=str(tmp_path / "site")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/weights.pth"
    try:
        with pytest.raises(DataError, match="is not the expected file"):
            find_weights(url, tmp_path / "ours")
        assert not list((tmp_path / "ours").iterdir()), "a wrong file is not kept"
        monkeypatch.setattr(inception, "DIGEST", f"sha256:{hashlib.sha256(content).hexdigest()[:8]}")
        assert find_weights(url, tmp_path / "ours").read_bytes() == content
    finally:
        server.shutdown()
        server.server_close()
    assert find_weights(url, tmp_path / "ours").read_bytes() == content


class Intruder:
    def __reduce__(self):
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps(Intruder())], ids=["empty", "text", "code"])
def test_a_file_without_weights_is_refused_and_not_executed(weights: Path, tmp_path: Path, content) -> None:
    (tmp_path / weights.name).write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as Inception's weights: .*delete it"):
        Inception(tmp_path)


def test_a_missing_torch_fidelity_is_named_with_the_install_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch_fidelity.feature_extractor_inceptionv3", None)
    with pytest.raises(PlatformError, match=r"torch-fidelity.*; .*type pip install 'netyard\[inception\]'"):
        Inception(tmp_path)
