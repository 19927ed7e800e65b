"""Files from the web, whole and unharmed or not at all."""

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Literal

from pvuw.errors import DataError
from pvuw.io.atomic import atomic_path

_CHUNK = 1 << 20
_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Checksum:
    """What a file's content must hash to."""

    algorithm: Literal["md5", "sha256"]
    digest: str
    """Hexadecimal; for SHA-256 the beginning is enough, as PyTorch puts it into file names."""

    def fits(self, path: Path) -> bool:
        """True if the file's hash is, or begins with, this one."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, self.algorithm).hexdigest().startswith(self.digest)


def download(
    url: str,
    path: Path,
    *,
    checksum: Checksum | None = None,
    progress: Callable[[int, int | None], None] = lambda done, total: None,
) -> None:
    """Write what a web address holds to a file.

    Args:
        url: `http` or `https`.
        path: The new file; replaced if it exists.
        checksum: What the content must hash to; None: its length is all that is checked.
        progress: Told the bytes received so far, and how many there will be where the server says.

    Raises:
        DataError: If the server cannot be reached or answers with an error or a web page, or if the
            content is cut short or has another hash. `path` is as it was then.
    """
    request = urllib.request.Request(url, headers={"User-Agent": "pvuw"})
    try:
        with (
            atomic_path(path) as temporary,
            urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response,
        ):
            _receive(response, temporary, url, progress)
            if checksum is not None and not checksum.fits(temporary):
                raise DataError(
                    f"{url}: the content's {checksum.algorithm} is not {checksum.digest}; try "
                    "again, and if it stays so, the file is not the published one"
                )
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        raise DataError(f"{url}: cannot download ({error}); try again later") from error


def _receive(
    response: HTTPResponse, path: Path, url: str, progress: Callable[[int, int | None], None]
) -> None:
    if response.headers.get_content_type() == "text/html":
        raise DataError(f"{url}: answered with a web page, not a file; open it in a browser")
    announced = response.headers.get("Content-Length")
    total, done = (None if announced is None else int(announced)), 0
    with path.open("wb") as file:
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            progress(done, total)
    if total is not None and done != total:
        raise DataError(f"{url}: cut short after {done} of {total} bytes; try again")
