"""Public data sets by name: from a folder of the user's, the cache, or their publisher."""

import json
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from dlcli.errors import DataError
from dlcli.files import hash_file, reading

REGISTRY = Path(__file__).parents[1] / "datasets"

Progress = Callable[[int, int | None], None]
"""Called with the bytes done and, where the server tells, the bytes in all."""

_MAX_ARCHIVE_BYTES = 256 << 20
_CHUNK_BYTES = 1 << 16
_TIMEOUT_SECONDS = 30.0
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@dataclass(frozen=True, kw_only=True)
class DatasetEntry:
    """A public data set: what the file is and where its publisher keeps it."""

    name: str
    title: str
    file: str
    address: str | None
    """Where to download; None where the publisher gives it out to people only."""
    member: str | None
    """The file's path in the archive, where the address is that of a zip archive."""
    sha256: str
    num_bytes: int
    page: str
    licence: str
    citation: str
    options: dict[str, object]
    """Keys under `data` that reading the file as it is meant takes, such as `header`."""


def dataset_names() -> list[str]:
    """Return the names that `dataset:NAME` knows."""
    return sorted(path.stem for path in REGISTRY.glob("*.json"))


def load_entry(name: str) -> DatasetEntry:
    """Return the registry's entry; raises DataError with the nearest name and the list."""
    names = dataset_names()
    if name not in names:
        near = get_close_matches(name, names, n=1, cutoff=0.7)
        listed = f"known data sets: {', '.join(names)}"
        raise DataError(
            f"no data set is called {name!r}",
            hint=f"did you mean {near[0]!r}? {listed}" if near else listed,
        )
    settings = json.loads((REGISTRY / f"{name}.json").read_text(encoding="utf-8"))
    return DatasetEntry(name=name, **settings)


def fetch(
    name: str,
    *,
    folder: Path | None = None,
    cache: Path | None = None,
    address: str | None = None,
    on_progress: Progress | None = None,
) -> Path:
    """Return the file of data set `name`, its sha256 checked; downloads it when needed.

    Looks in `folder` (else DLCLI_DATASETS), then in `cache` (else the user's cache folder).
    `address` replaces the publisher's and may be http on this machine.
    """
    entry = load_entry(name)
    folder = folder or _folder_from_environment()
    if folder is not None:
        with reading(folder, DataError):
            if (folder / entry.file).is_file():
                _check_sum(folder / entry.file, entry)
                return folder / entry.file
    cached = (cache or cache_folder()) / "datasets" / entry.file
    with reading(cached, DataError):
        if cached.is_file() and hash_file(cached) == entry.sha256:
            return cached
    address = address or entry.address
    if address is None:
        raise DataError(
            f"data set {name!r} has no address to download from",
            hint=f"get {entry.file} from {entry.page} and put it into the folder that "
            "DLCLI_DATASETS names",
        )
    _download(entry, address, cached, on_progress or _ignore)
    return cached


def cache_folder() -> Path:
    """Return DLCLI_CACHE, else dlcli's folder where this system keeps caches."""
    if own := os.environ.get("DLCLI_CACHE"):
        return Path(own).expanduser()
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        return (Path(local) if local else Path.home() / "AppData" / "Local") / "dlcli" / "cache"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "dlcli"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "dlcli"


def _folder_from_environment() -> Path | None:
    folder = os.environ.get("DLCLI_DATASETS")
    return Path(folder).expanduser() if folder else None


def _download(entry: DatasetEntry, address: str, target: Path, on_progress: Progress) -> None:
    """Write `target` whole and checked, or leave nothing behind."""
    _check_address(address)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that the last step is a rename within one file system.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".download-") as scratch:
            received = Path(scratch) / "received"
            limit = entry.num_bytes if entry.member is None else _MAX_ARCHIVE_BYTES
            _receive(address, received, limit, on_progress)
            if entry.member is not None:
                received = _unpack(received, entry, address)
            _check_sum(received, entry, address=address)
            received.replace(target)
    except OSError as error:
        raise DataError(
            f"data set {entry.name!r} cannot be stored in {target.parent}: {error.strerror}",
            hint="set DLCLI_CACHE to a folder that can be written",
        ) from error


def _receive(address: str, target: Path, limit: int, on_progress: Progress) -> None:
    request = Request(address, headers={"User-Agent": "dlcli"})
    done, total = 0, None
    try:
        with build_opener(_HttpsRedirects).open(request, timeout=_TIMEOUT_SECONDS) as response:
            length = response.headers.get("Content-Length")
            total = int(length) if length and length.isdigit() else None
            with target.open("wb") as file:
                while chunk := response.read(_CHUNK_BYTES):
                    done += len(chunk)
                    if done > limit:
                        raise DataError(
                            f"{address} sends more than the {limit} bytes expected",
                            hint="the publisher may have changed the file",
                        )
                    file.write(chunk)
                    on_progress(done, total)
    except HTTPError as error:
        error.close()
        raise DataError(
            f"{address} answers {error.code} {error.reason}",
            hint="the publisher may have moved the file; put a copy into DLCLI_DATASETS",
        ) from error
    except (URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = error.reason if isinstance(error, URLError) else error
        raise DataError(
            f"{address} cannot be downloaded: {reason}",
            hint="check the connection and try again, or put a copy into the folder that "
            "DLCLI_DATASETS names",
        ) from error
    if total is not None and done != total:
        raise DataError(
            f"{address} broke off after {done} of {total} bytes",
            hint="check the connection and try again",
        )


def _unpack(archive_path: Path, entry: DatasetEntry, address: str) -> Path:
    assert entry.member is not None
    unpacked = archive_path.with_name("unpacked")
    try:
        with zipfile.ZipFile(archive_path) as archive:
            size = archive.getinfo(entry.member).file_size
            if size != entry.num_bytes:
                raise DataError(
                    f"{entry.member} in {address} has {size} bytes, expected {entry.num_bytes}",
                    hint="the publisher may have changed the file",
                )
            unpacked.write_bytes(archive.read(entry.member))
    except (zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{address} is not a zip archive: {error}",
            hint="the publisher may have changed the file",
        ) from error
    except KeyError as error:
        raise DataError(
            f"the archive {address} does not hold {entry.member}",
            hint="the publisher may have changed the file",
        ) from error
    return unpacked


def _check_sum(path: Path, entry: DatasetEntry, *, address: str | None = None) -> None:
    received = hash_file(path)
    if received == entry.sha256:
        return
    raise DataError(
        f"{address or path} is not the published {entry.file}: "
        f"expected sha256 {entry.sha256}, received {received}",
        hint="the publisher may have changed the file"
        if address
        else "remove it there, or name it as a file instead of a data set",
    )


def _check_address(address: str) -> None:
    parts = urlsplit(address)
    if parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        return
    raise DataError(f"{address} is not an https address")


def _ignore(done: int, total: int | None) -> None:
    pass


class _HttpsRedirects(HTTPRedirectHandler):
    """Follows redirects to https only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        parts = urlsplit(newurl)
        if parts.scheme != "https" or parts.username is not None:
            fp.close()
            what = "is not https" if parts.scheme != "https" else "carries a password"
            raise DataError(
                f"{req.full_url} redirects to {parts.scheme}://{parts.hostname}, which {what}",
                hint="the publisher may have moved the file; put a copy into DLCLI_DATASETS",
            )
        return super().redirect_request(req, fp, code, msg, headers, newurl)
