"""Download a file, with its hash checked, and with limits on size and time. Imports no torch."""

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
_SILENCE = 30.0  # seconds without a byte
_MINUTE, _SLOWEST = 60.0, 60_000  # fewer bytes than this in a minute end the download
_TRIES = 3
_CHUNK = 1 << 20


def download(urls: Sequence[str], path: Path, digest: str, max_bytes: int = MAX_BYTES) -> None:
    """Fetch a file; a partial download in ``.<name>.part`` beside it is continued.

    Args:
        urls: where it is published; the next is for when one fails.
        digest: the beginning of the hexadecimal hash of the content, as ``sha256:...`` or ``md5:...``. It makes content
            that came by plain http, the only way to some old data sets, as good as any.

    Raises:
        OSError: the first failed, and all others: there is no connection, it is cut off again and again, too slow, or
            redirected to what is less safe; the content is larger than ``max_bytes`` or not the one that was expected.
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
    for left in reversed(range(_TRIES)):
        begun = _size(part)
        try:
            _fetch(url, part, begun, max_bytes)
        except (HTTPException, OSError) as error:
            too_long = isinstance(error, HTTPError) and error.code == 416
            if isinstance(error, HTTPError):
                error.close()
            if too_long or isinstance(error, _Refused):
                part.unlink(missing_ok=True)
            if left and (too_long or _size(part) > begun):
                continue
            raise error if isinstance(error, OSError) else OSError(f"{url} was cut off: {error!r}") from error
        if _has(part, digest):
            part.replace(path)
            return
        part.unlink()
        if not begun:
            break
    raise OSError(f"{url} is not the file that was expected, whose hash is {digest}")


def _fetch(url: str, part: Path, begun: int, max_bytes: int) -> None:
    request = Request(url, headers={"User-Agent": "netyard", **({"Range": f"bytes={begun}-"} if begun else {})})
    with build_opener(_SafeRedirects).open(request, timeout=_SILENCE) as response:
        response = cast("HTTPResponse", response)
        size = response.length
        begun = begun if response.status == 206 else 0  # 206 Partial Content: the server continues from that byte
        if begun + (size or 0) > max_bytes:
            raise _Refused(f"{url} has {begun + (size or 0):,} bytes; {max_bytes:,} are allowed")
        logger.info("downloading %s%s", url, f", {(begun + size) / 1e6:.1f} MB" if size else "")
        with part.open("ab" if begun else "wb") as file:
            received = _copy(response, file, max_bytes - begun, url)
        if size is not None and received < size:
            raise OSError(f"{url} was cut off after {begun + received:,} of {begun + size:,} bytes")


def _copy(response: HTTPResponse, file: IO[bytes], max_bytes: int, url: str) -> int:
    """Read to the end, and say how much it was; ``read1`` answers with what has come, and does not wait for more."""
    received, since, before = 0, time.monotonic(), 0
    while content := response.read1(_CHUNK):
        received += len(content)
        if received > max_bytes:
            raise _Refused(f"{url} goes on beyond the {max_bytes:,} bytes that are allowed")
        file.write(content)
        if (now := time.monotonic()) - since > _MINUTE:
            if received - before < _SLOWEST:
                raise OSError(f"{url} brings {(received - before) / (now - since):.0f} bytes a second")
            since, before = now, received
    return received


class _Refused(OSError):  # noqa: N818  (an OSError to whoever calls)
    """The response cannot be used, and a retry would not help."""


class _SafeRedirects(HTTPRedirectHandler):
    """Follows a redirect only to https, or from http to http."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        if urlsplit(newurl).scheme not in ("https", req.type):
            fp.close()
            raise _Refused(f"{req.full_url} is redirected to {newurl}, which is less safe")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _has(path: Path, digest: str) -> bool:
    kind, _, beginning = digest.partition(":")
    found = hashlib.new(kind, usedforsecurity=kind != "md5")  # no other is published of some old data sets
    with path.open("rb") as file:
        while content := file.read(_CHUNK):
            found.update(content)
    return bool(beginning) and found.hexdigest().startswith(beginning)
