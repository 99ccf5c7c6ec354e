"""A file from the internet, by servers on the loopback that cut off, lie, redirect, pour and drip."""

from __future__ import annotations

import contextlib
import hashlib
import io
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from urllib.request import Request

import pytest

from netyard.io import download as downloads
from netyard.io.download import download
from support.waiting import PATIENCE

CONTENT = bytes(range(256)) * 1000
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
Answer = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """Answers as it is told, and remembers from which byte on it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = whole
        self.asked: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.headers.get("Range", ""))
                with contextlib.suppress(ConnectionError):  # the client has left, for it is sent too much
                    site.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/file"


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


def send(handler: BaseHTTPRequestHandler, content: bytes, size: int | None, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if size is not None:
        handler.send_header("Content-Length", str(size))
    handler.end_headers()
    handler.wfile.write(content)


def whole(handler: BaseHTTPRequestHandler) -> None:
    send(handler, CONTENT, len(CONTENT))


def cut(at: int, ranges: bool, told: bool = True) -> Answer:
    """A server that ends each answer after so many bytes, with or without knowledge of ranges and sizes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1]) if ranges else 0
        rest = CONTENT[start:]
        send(handler, rest[:at], len(rest) if told else None, 206 if start else 200)

    return answer


def there(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_download_is_complete_and_leaves_no_part_file(site: Site, tmp_path: Path) -> None:
    download([site.url], tmp_path / "new" / "file", DIGEST)
    assert there(tmp_path / "new") == {"file": CONTENT} and site.asked == [""]
    download([site.url], tmp_path / "old", f"md5:{hashlib.md5(CONTENT).hexdigest()}")


def test_interrupted_download_is_continued(site: Site, tmp_path: Path) -> None:
    site.answer = cut(100_000, ranges=True)
    download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {"file": CONTENT} and site.asked == ["", "bytes=100000-", "bytes=200000-"]


def test_part_file_is_continued_by_another_process(site: Site, tmp_path: Path) -> None:
    site.answer = cut(50_000, ranges=True)
    with pytest.raises(OSError, match=r"was cut off after 150,000 of 256,000 bytes"):
        download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {".file.part": CONTENT[:150_000]}
    download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {"file": CONTENT} and site.asked[3:] == [
        "bytes=150000-",
        "bytes=200000-",
        "bytes=250000-",
    ]


def test_server_without_ranges_sends_the_whole_file_again(site: Site, tmp_path: Path) -> None:
    (tmp_path / ".file.part").write_bytes(b"another beginning")
    download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {"file": CONTENT}


@pytest.mark.parametrize("length", [10, len(CONTENT) + 1])
def test_part_of_another_version_is_discarded(site: Site, tmp_path: Path, length: int) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        start = int(handler.headers.get("Range", "bytes=0-")[6:-1])
        rest = CONTENT[start:]
        send(handler, rest, len(rest), 416 if start > len(CONTENT) else 206 if start else 200)

    (tmp_path / ".file.part").write_bytes(b"x" * length)
    site.answer = answer
    download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {"file": CONTENT} and site.asked == [f"bytes={length}-", ""]


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", CONTENT[:-1], CONTENT + b"0"])
def test_content_with_a_wrong_hash_is_deleted(site: Site, tmp_path: Path, content: bytes) -> None:
    site.answer = lambda handler: send(handler, content, len(content))
    with pytest.raises(OSError, match=r"is not the expected file, whose hash is sha256:"):
        download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {} and site.asked == [""]


def test_truncated_content_of_unknown_size_is_found_by_its_hash(site: Site, tmp_path: Path) -> None:
    site.answer = cut(100_000, ranges=False, told=False)
    with pytest.raises(OSError, match=r"is not the expected file"):
        download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {}


@pytest.mark.parametrize("told", [True, False])
def test_content_larger_than_the_limit_is_refused(site: Site, tmp_path: Path, told: bool) -> None:
    site.answer = lambda handler: send(handler, CONTENT * 8, len(CONTENT) * 8 if told else None)
    with pytest.raises(OSError, match=r"has 2,048,000 bytes; 300,000 are" if told else r"sends more than the 300,000"):
        download([site.url], tmp_path / "file", DIGEST, max_bytes=300_000)
    assert there(tmp_path) == {} and site.asked == [""]


def test_slow_download_is_ended(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(handler: BaseHTTPRequestHandler) -> None:
        send(handler, b"", len(CONTENT))
        for byte in CONTENT[:3000]:  # for a minute
            try:
                handler.wfile.write(bytes([byte]))
            except OSError:
                return
            time.sleep(0.02)

    monkeypatch.setattr(downloads, "_MINUTE", 0.2)
    monkeypatch.setattr(downloads, "_TRIES", 1)
    site.answer = drip
    with pytest.raises(OSError, match=r"sends only \d+ bytes a second"):
        download([site.url], tmp_path / "file", DIGEST)
    received = (tmp_path / ".file.part").read_bytes()
    assert 0 < len(received) < 3000 and received == CONTENT[: len(received)], "given up while it still dripped"


def test_server_that_sends_nothing_is_ended(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given_up = Event()

    def silence(handler: BaseHTTPRequestHandler) -> None:
        given_up.wait(PATIENCE)

    monkeypatch.setattr(downloads, "_SILENCE", 0.1)
    site.answer = silence
    with pytest.raises(OSError, match="timed out"):
        download([site.url], tmp_path / "file", DIGEST)
    given_up.set()
    assert there(tmp_path) == {}


@pytest.mark.parametrize("target", ["ftp://127.0.0.1/file", "file:///etc/hostname", "gopher://127.0.0.1/file"])
def test_redirect_to_another_protocol_is_refused(site: Site, tmp_path: Path, target: str) -> None:
    site.answer = lambda handler: send(handler, b"", 0, 302, Location=target)
    with pytest.raises(OSError, match=r"(?i)redirect"):
        download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {} and site.asked == [""]


def test_redirect_from_https_to_http_is_refused() -> None:
    follow = downloads._SafeRedirects().redirect_request
    rest = (io.BytesIO(), 302, "Found", {})
    with pytest.raises(OSError, match="is redirected to http://b/, which is less safe"):
        follow(Request("https://a/"), *rest, "http://b/")  # type: ignore[arg-type]
    for before, after in (("https://a/", "https://b/"), ("http://a/", "https://b/"), ("http://a/", "http://b/")):
        found = follow(Request(before), *rest, after)  # type: ignore[arg-type]
        assert found is not None and found.full_url == after


def test_safe_redirect_keeps_the_range(site: Site, tmp_path: Path) -> None:
    (tmp_path / ".file.part").write_bytes(CONTENT[:1000])
    answers = iter([lambda handler: send(handler, b"", 0, 302, Location=site.url), cut(len(CONTENT), ranges=True)])
    site.answer = lambda handler: next(answers)(handler)
    download([site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {"file": CONTENT} and site.asked == ["bytes=1000-"] * 2


def test_error_of_the_first_address_is_raised_if_all_fail(site: Site, tmp_path: Path) -> None:
    site.answer = lambda handler: send(handler, b"", 0, 404)
    with pytest.raises(OSError, match="404"):
        download([site.url, "http://127.0.0.1:9/file"], tmp_path / "file", DIGEST)
    site.answer = whole
    download(["http://127.0.0.1:9/file", site.url], tmp_path / "file", DIGEST)
    assert there(tmp_path) == {"file": CONTENT}
