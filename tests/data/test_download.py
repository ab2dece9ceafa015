"""Data sets by name: found, or downloaded, checked and cached; and every way that fails."""

import io
import json
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dlcli.data import download
from dlcli.data.download import cache_folder, dataset_names, fetch, load_entry
from dlcli.data.readers import ReadOptions, read_table
from dlcli.errors import DataError
from dlcli.files import hash_file


class Server:
    """A web server on this machine that answers each path with (status, headers, body)."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.requests: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests.append(self.path)
                status, headers, body = outer.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DLCLI_DATASETS", raising=False)
    monkeypatch.setenv("DLCLI_CACHE", str(tmp_path / "cache"))
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def iris(shared_datasets: Path) -> bytes:
    return (shared_datasets / "iris.csv").read_bytes()


def fails_cleanly(tmp_path: Path, address: str, message: str, name: str = "iris-original") -> str:
    with pytest.raises(DataError, match=message) as caught:
        fetch(name, address=address)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []
    assert caught.value.hint is not None
    return str(caught.value)


def test_every_entry_is_whole_and_its_file_is_the_published_one(shared_datasets: Path) -> None:
    assert len(dataset_names()) >= 10
    for name in dataset_names():
        entry = load_entry(name)
        assert entry.address is None or entry.address.startswith("https://")
        assert entry.licence and entry.citation and entry.page.startswith("https://")
        path = fetch(name, folder=shared_datasets)
        assert path == shared_datasets / entry.file
        assert path.stat().st_size == entry.num_bytes
        options = {key: value for key, value in entry.options.items() if key != "missing_values"}
        markers = entry.options.get("missing_values", [])
        assert isinstance(markers, list)
        table = read_table([path], ReadOptions(missing_values=tuple(markers), **options))  # type: ignore[arg-type]
        assert table.num_rows > 0


def test_a_download_is_checked_cached_and_not_repeated(
    server: Server, tmp_path: Path, iris: bytes
) -> None:
    server.answers["/iris.csv"] = (200, {}, iris)
    seen: list[tuple[int, int | None]] = []
    address = f"{server.address}/iris.csv"
    path = fetch(
        "iris-original", address=address, on_progress=lambda done, total: seen.append((done, total))
    )
    assert path == tmp_path / "cache" / "datasets" / "iris.csv"
    assert path.read_bytes() == iris
    assert seen[-1] == (len(iris), len(iris))
    assert fetch("iris-original", address=address) == path
    assert server.requests == ["/iris.csv"]
    path.write_bytes(b"damaged")
    assert fetch("iris-original", address=address).read_bytes() == iris
    assert [file.name for file in path.parent.iterdir()] == ["iris.csv"]


def test_a_member_of_an_archive_is_unpacked(
    server: Server, tmp_path: Path, shared_datasets: Path
) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(shared_datasets / "bank-full.csv", "bank-full.csv")
        archive.writestr("other.csv", "a\n")
    server.answers["/bank.zip"] = (200, {}, buffer.getvalue())
    path = fetch("bank-marketing", address=f"{server.address}/bank.zip")
    assert hash_file(path) == load_entry("bank-marketing").sha256
    assert path.name == "bank-full.csv"


def test_faulty_archives_are_refused(server: Server, tmp_path: Path) -> None:
    for name, content in (("none", {"a.csv": "a"}), ("other", {"bank-full.csv": "a,b\n"})):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for member, text in content.items():
                archive.writestr(member, text)
        server.answers[f"/{name}"] = (200, {}, buffer.getvalue())
    server.answers["/page"] = (200, {}, b"<html>please log in</html>")
    for path, message in (
        ("none", "does not hold bank-full.csv"),
        ("other", "bank-full.csv in .* has 4 bytes, expected 4610348"),
        ("page", "is not a zip archive"),
    ):
        fails_cleanly(tmp_path, f"{server.address}/{path}", message, name="bank-marketing")


def test_a_wrong_sum_names_both(server: Server, tmp_path: Path, iris: bytes) -> None:
    changed = iris.replace(b"5.1", b"5.2", 1)
    server.answers["/iris.csv"] = (200, {}, changed)
    text = fails_cleanly(tmp_path, f"{server.address}/iris.csv", "is not the published iris.csv")
    sums = re.findall(r"[0-9a-f]{64}", text)
    assert len(set(sums)) == 2
    assert sums[0] == load_entry("iris-original").sha256


def test_broken_downloads_leave_nothing(server: Server, tmp_path: Path, iris: bytes) -> None:
    server.answers |= {
        "/cut": (200, {"Content-Length": str(len(iris))}, iris[:1000]),
        "/large": (200, {}, iris + b"more"),
        "/down": (503, {}, b""),
        "/moved": (302, {"Location": f"{server.address}/iris.csv"}, b""),
        "/iris.csv": (200, {}, iris),
    }
    address = server.address
    fails_cleanly(tmp_path, f"{address}/cut", f"broke off after 1000 of {len(iris)} bytes")
    fails_cleanly(tmp_path, f"{address}/large", "sends more than the 3858 bytes expected")
    fails_cleanly(tmp_path, f"{address}/down", "answers 503 Service Unavailable")
    fails_cleanly(tmp_path, f"{address}/gone", "answers 404 Not Found")
    fails_cleanly(tmp_path, f"{address}/moved", "redirects to http://.*, which is not https")
    assert "/iris.csv" not in server.requests


def test_a_closed_port_is_a_data_error(tmp_path: Path) -> None:
    fails_cleanly(tmp_path, "http://127.0.0.1:9/iris.csv", "cannot be downloaded: ")


@pytest.mark.parametrize("address", ["http://example.org/iris.csv", "file:///etc/hosts", "ftp://x"])
def test_only_https_addresses_are_opened(address: str) -> None:
    with pytest.raises(DataError, match="is not an https address"):
        fetch("iris-original", address=address)


def test_a_set_without_an_address_says_where_to_get_it() -> None:
    with pytest.raises(DataError, match="data set 'cereal' has no address") as caught:
        fetch("cereal")
    assert caught.value.hint is not None
    assert "https://www.kaggle.com/datasets/crawford/80-cereals" in caught.value.hint


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match="no data set is called 'wine-quality-rad'") as caught:
        fetch("wine-quality-rad")
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("did you mean 'wine-quality-red'? known data sets: adv")
    with pytest.raises(DataError):
        fetch("../../pyproject")


def test_a_changed_file_in_the_users_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").write_text("a,b\n")
    with pytest.raises(DataError, match=r"iris\.csv is not the published iris\.csv: expected"):
        fetch("iris-original", folder=tmp_path)


def test_an_unusable_cache_is_a_data_error(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be stored in") as caught:
        fetch("iris-original", cache=tmp_path / "file", address=server.address)
    assert caught.value.hint == "set DLCLI_CACHE to a folder that can be written"


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLCLI_CACHE", "/somewhere")
    assert cache_folder() == Path("/somewhere")
    monkeypatch.delenv("DLCLI_CACHE")
    monkeypatch.setattr(download.sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/dlcli")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "dlcli"
    monkeypatch.setattr(download.sys, "platform", "darwin")
    assert cache_folder() == Path.home() / "Library" / "Caches" / "dlcli"
    monkeypatch.setattr(download.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    assert cache_folder() == Path("/local/dlcli/cache")


def test_entries_are_plain_json() -> None:
    for path in download.REGISTRY.glob("*.json"):
        assert isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
