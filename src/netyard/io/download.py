"""Download a file, check its hash, and limit its size and time. Imports no torch."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Sequence
from http.client import HTTPException, HTTPMessage, HTTPResponse
from pathlib import Path
from typing import IO, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

logger = logging.getLogger(__name__)

MAX_BYTES = 4_000_000_000
_SILENCE = 30.0  # seconds without a byte that end the download
_MINUTE, _SLOWEST = 60.0, 60_000  # fewer bytes than this in a minute end the download
_TRIES = 3
_CHUNK = 1 << 20


def download(urls: Sequence[str], path: Path, digest: str, max_bytes: int = MAX_BYTES) -> None:
    """Download a file; a partial download in ``.<name>.part`` beside it is continued.

    Args:
        urls: addresses of the file, tried in this order until one succeeds.
        path: where to write it.
        digest: the start of the hexadecimal hash of the content, as ``sha256:...`` or ``md5:...``. With it, content
            that came over plain http, the only way to some old data sets, can be trusted.
        max_bytes: the largest size that is accepted.

    Raises:
        OSError: every address failed (the first one's error): no connection, repeatedly cut off, too slow, a redirect
            from https to http, or content that is larger than ``max_bytes`` or has another hash.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        try:
            return _download(url, path, digest, max_bytes)
        except OSError as error:
            failures.append(error)
    raise failures[0]


def _download(url: str, path: Path, digest: str, max_bytes: int) -> None:
    part = path.with_name(f".{path.name}.part")
    for tries_left in reversed(range(_TRIES)):
        start = _size(part)
        try:
            _fetch(url, part, start, max_bytes)
        except (HTTPException, OSError) as error:
            # 416 Range Not Satisfiable: the part is as long as the file, or longer, so it is another file's.
            too_long = isinstance(error, HTTPError) and error.code == 416
            if isinstance(error, HTTPError):
                error.close()
            if too_long or isinstance(error, _Refused):
                part.unlink(missing_ok=True)
            # Another try only if it can end otherwise: from the beginning, or after some progress.
            if tries_left and (too_long or _size(part) > start):
                continue
            raise error if isinstance(error, OSError) else OSError(f"{url} was cut off: {error!r}") from error
        if _has(part, digest):
            part.replace(path)
            return
        # A wrong hash. A part that the download continued may be of an older file: then try from the beginning.
        part.unlink()
        if not start:
            break
    raise OSError(f"{url} is not the expected file, whose hash is {digest}")


def _fetch(url: str, part: Path, start: int, max_bytes: int) -> None:
    """Request the file from byte ``start`` on, and append it to ``part``."""
    request = Request(url, headers={"User-Agent": "netyard", **({"Range": f"bytes={start}-"} if start else {})})
    with build_opener(_SafeRedirects).open(request, timeout=_SILENCE) as response:
        response = cast("HTTPResponse", response)
        size = response.length
        # 206 Partial Content: the server continues from that byte. Any other status brings the whole file.
        start = start if response.status == 206 else 0
        if start + (size or 0) > max_bytes:
            raise _Refused(f"{url} has {start + (size or 0):,} bytes; {max_bytes:,} are allowed")
        logger.info("downloading %s%s", url, f", {(start + size) / 1e6:.1f} MB" if size else "")
        with part.open("ab" if start else "wb") as file:
            received = _copy(response, file, max_bytes - start, url)
        if size is not None and received < size:  # read1 returns b"" too if the connection was closed early
            raise OSError(f"{url} was cut off after {start + received:,} of {start + size:,} bytes")


def _copy(response: HTTPResponse, file: IO[bytes], max_bytes: int, url: str) -> int:
    """Copy the response to the file; returns the number of bytes."""
    # read1 returns what has arrived, while read would wait for a full chunk: a slow server is noticed in time.
    received, since, before = 0, time.monotonic(), 0
    while content := response.read1(_CHUNK):
        received += len(content)
        if received > max_bytes:  # the server may send no length, or a wrong one
            raise _Refused(f"{url} sends more than the {max_bytes:,} bytes that are allowed")
        file.write(content)
        if (now := time.monotonic()) - since > _MINUTE:
            if received - before < _SLOWEST:
                raise OSError(f"{url} sends only {(received - before) / (now - since):.0f} bytes a second")
            since, before = now, received
    return received


class _Refused(OSError):  # noqa: N818  (callers only see an OSError)
    """The response cannot be used, and a retry would not help."""


class _SafeRedirects(HTTPRedirectHandler):
    """Follows a redirect only to https, or from http to http: a downgrade would expose the download to changes."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("https", req.type):
            fp.close()  # urllib leaves the socket open if this method raises
            raise _Refused(f"{req.full_url} is redirected to {newurl}, which is less safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _has(path: Path, digest: str) -> bool:
    """Whether the hash of a file starts with a digest like ``sha256:1a2b``."""
    kind, _, beginning = digest.partition(":")
    found = hashlib.new(kind, usedforsecurity=kind != "md5")  # md5: some old data sets publish no other hash
    with path.open("rb") as file:
        while content := file.read(_CHUNK):
            found.update(content)
    # Every hash starts with an empty text: an empty digest must not accept everything.
    return bool(beginning) and found.hexdigest().startswith(beginning)
