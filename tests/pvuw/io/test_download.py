"""Downloads, from a server on this machine."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pvuw.errors import DataError
from pvuw.io.download import Checksum, download

CONTENT = bytes(range(256)) * 9000


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        kind = "text/html; charset=utf-8" if self.path == "/page" else "application/octet-stream"
        self.send_header("Content-Type", kind)
        if self.path != "/unsized":
            more = 500 if self.path == "/cut" else 0
            self.send_header("Content-Length", str(len(CONTENT) + more))
        self.end_headers()
        self.wfile.write(CONTENT)

    def log_message(self, *args):
        del args


@pytest.fixture(scope="module")
def server():
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def sha256():
    return hashlib.sha256(CONTENT).hexdigest()


@pytest.mark.parametrize("place", ["/file", "/unsized"])
def test_content_and_progress(server, tmp_path, place):
    seen = []
    checksum = Checksum("sha256", sha256()[:8])
    path = tmp_path / "new" / "a.pth"
    download(server + place, path, checksum=checksum, progress=lambda *n: seen.append(n))
    assert path.read_bytes() == CONTENT
    total = len(CONTENT) if place == "/file" else None
    assert seen[-1] == (len(CONTENT), total)
    assert [p.name for p in path.parent.iterdir()] == ["a.pth"]


@pytest.mark.parametrize(
    ("place", "says"), [("/missing", "404"), ("/page", "web page"), ("/cut", "cut short")]
)
def test_what_cannot_be_had_leaves_the_old_file(server, tmp_path, place, says):
    path = tmp_path / "a.pth"
    path.write_bytes(b"old")
    with pytest.raises(DataError, match=f"{server}{place}: .*{says}"):
        download(server + place, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth"]


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_another_hash_is_refused(server, tmp_path, algorithm):
    with pytest.raises(DataError, match=f"{algorithm} is not 00ff"):
        download(server + "/file", tmp_path / "a", checksum=Checksum(algorithm, "00ff"))
    assert not (tmp_path / "a").exists()


def test_no_server(tmp_path):
    with pytest.raises(DataError, match="cannot download"):
        download("http://127.0.0.1:9/a", tmp_path / "a")
