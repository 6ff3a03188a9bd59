"""`muster models fetch` against servers of every temper, on this machine."""

import hashlib
import http.server
import os
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

import program

CONTENT = os.urandom(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT; tests set how. `requests` holds (path, Range header) of what was asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = []
        self.ranges = True       # whether Range is obeyed
        self.cuts = []           # after how many bytes of a body the next connections are cut
        self.etag = '"v1"'
        self.content = CONTENT
        self.files = {}          # path -> content
        self.statuses = {}       # path -> status
        self.redirects = {}      # path -> location
        self.pause = 0.0         # seconds after every 64 KiB
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """Clients that hang up in the middle are what some tests are about."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def url(self, path):
        return f"http://127.0.0.1:{self.server_port}{path}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        server, path = self.server, self.path.split("?")[0]
        server.requests.append((self.path, self.headers.get("Range")))
        if path in server.redirects:
            self.answer(302, {"Location": server.redirects[path]})
            return
        if path in server.statuses:
            self.answer(server.statuses[path], {}, b"an error page that must not be taken for weights")
            return
        content = server.files.get(path, server.content if path.endswith(".pth") else None)
        if content is None:
            self.answer(404, {}, b"nothing here")
            return
        begin = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        same = self.headers.get("If-Range") in (None, server.etag)
        if server.ranges and asked and same:
            begin = int(asked[1])
            if begin >= len(content):
                self.answer(416, {"Content-Range": f"bytes */{len(content)}"})
                return
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {begin}-{len(content) - 1}/{len(content)}")
        self.send_header("ETag", server.etag)
        self.send_header("Content-Length", str(len(content) - begin))
        self.end_headers()
        end = min(len(content), begin + server.cuts.pop(0)) if server.cuts else len(content)
        for at in range(begin, end, 65536):
            self.wfile.write(content[at:min(at + 65536, end)])
            time.sleep(server.pause)
        if end < len(content):
            self.wfile.flush()
            self.connection.close()
            self.close_connection = True


class Fetch(unittest.TestCase):
    def setUp(self):
        self.cache = Path(tempfile.mkdtemp(prefix="muster_fetch."))
        self.server = Server()
        self.saved = dict(os.environ)
        for name in ("SLURM_JOB_ID", "OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PBS_JOBID", "LSB_JOBID", "http_proxy", "https_proxy", "all_proxy"):
            os.environ.pop(name, None)
        os.environ["MUSTER_MODEL_CACHE"] = str(self.cache)

    def tearDown(self):
        os.environ.clear()
        os.environ.update(self.saved)
        self.server.shutdown()
        self.server.server_close()
        shutil.rmtree(self.cache)

    def fetch(self, path, *more, code=0, says=()):
        done = program.run("models", "fetch", path if "://" in path else self.server.url(path), *more)
        self.assertEqual(done.returncode, code, done.text)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, done.text)
        return done

    def check_whole(self, name="a.pth"):
        self.assertEqual((self.cache / name).read_bytes(), CONTENT)
        self.assertEqual(sorted(path.name for path in self.cache.iterdir()), [name], "something was left behind")

    def test_a_file_comes_whole_and_is_not_fetched_twice(self):
        self.fetch("/a.pth?key=secret", f"sha256={SHA256}", f"size={len(CONTENT)}", says=[str(self.cache / "a.pth"), SHA256])
        self.check_whole()
        done = self.fetch("/a.pth", f"sha256={SHA256[:12].upper()}", says="is there already")
        self.assertNotIn("secret", done.text)
        self.assertEqual(len(self.server.requests), 1)
        self.fetch("/a.pth", "sha256=0000", code=3, says=["is there already, but its SHA-256", "remove it"])

    def test_cut_connections_are_taken_up_where_they_broke(self):
        self.server.cuts = [1_000_000, 500_000, 700_000]
        self.fetch("/a.pth", f"sha256={SHA256}")
        self.check_whole()
        begins = [int(asked[6:-1]) for _, asked in self.server.requests[1:]]
        self.assertEqual(len(begins), 3)
        self.assertEqual(begins, sorted(begins))
        self.assertGreater(begins[0], 0)

    def test_a_later_command_goes_on_with_what_had_come(self):
        self.server.cuts = [1_200_000, 0, 0, 0]
        self.fetch("/a.pth", code=3, says=["bytes are kept", "the same command goes on"])
        part = self.cache / "a.pth.part"
        had = part.stat().st_size
        self.assertTrue(0 < had <= 1_200_000)
        self.assertFalse((self.cache / "a.pth").exists())
        self.server.requests.clear()
        self.fetch("/a.pth?another=key", says="from an earlier attempt")
        self.assertEqual(self.server.requests[0][1], f"bytes={had}-")
        self.check_whole()

    def test_a_file_that_changed_meanwhile_is_begun_afresh(self):
        self.server.content, self.server.cuts = bytes(len(CONTENT)), [1_200_000, 0, 0, 0]
        self.fetch("/a.pth", code=3)
        self.server.content, self.server.etag = CONTENT, '"v2"'
        self.fetch("/a.pth")
        self.check_whole()

    def test_a_server_without_ranges_and_one_that_has_nothing_more(self):
        self.server.ranges, self.server.cuts = False, [1_200_000]
        self.fetch("/a.pth")
        self.check_whole()
        (self.cache / "a.pth").unlink()
        (self.cache / "b.pth.part").write_bytes(CONTENT)
        (self.cache / "b.pth.part.from").write_text(self.server.url("/b.pth") + "\n\n")
        self.server.ranges = True
        self.fetch("/b.pth", says=SHA256)  # 416: all of it was there
        self.check_whole("b.pth")

    def test_wrong_hashes_and_sizes_are_thrown_away(self):
        self.fetch("/a.pth", "sha256=00112233", code=3, says=["SHA-256", SHA256, "00112233"])
        self.fetch("/a.pth", "size=12", code=3, says=["3000000", "12"])
        self.fetch("/name-0badc0de.pth", code=3, says="0badc0de")  # the hash that the name promises
        self.assertEqual(list(self.cache.iterdir()), [])
        self.fetch("/a.pth", "sha256=xyz", code=2, says="hex")

    def test_refusals_say_what_to_do(self):
        self.server.statuses = {"/gated.pth": 403, "/login.pth": 401, "/gone.pth": 404, "/busy.pth": 503}
        self.fetch("/gated.pth", code=3, says=["403", "gated", "by hand", str(self.cache / "gated.pth")])
        self.fetch("/login.pth", code=3, says="401")
        self.fetch("/gone.pth", code=3, says=["404", "no such file"])
        self.fetch("/busy.pth", code=3, says="503")
        self.assertEqual(list(self.cache.iterdir()), [])

    def test_redirects_are_followed_up_to_a_limit(self):
        self.server.redirects = {"/first.pth": "/second.pth?key=1", "/second.pth": self.server.url("/third.pth")}
        self.fetch("/first.pth")
        self.check_whole("first.pth")
        self.server.redirects = {"/round.pth": "/round.pth", "/file.pth": "file:///etc/passwd"}
        self.fetch("/round.pth", code=3, says="redirects")
        self.fetch("/file.pth", code=3)

    def test_no_network(self):
        self.server.shutdown()
        self.server.server_close()
        self.fetch("http://127.0.0.1:9/a.pth", code=3, says=["cannot be reached", "login nodes"])
        self.fetch("https://no-such-host.invalid/a.pth", code=3, says="cannot be reached")
        self.server = Server()

    def test_a_proxy_is_obeyed(self):
        os.environ["http_proxy"] = self.server.url("")
        self.fetch("http://weights.invalid/a.pth")
        self.assertEqual(self.server.requests[0][0], "http://weights.invalid/a.pth")
        self.check_whole()

    def test_inside_of_a_job_nothing_is_fetched(self):
        os.environ["SLURM_JOB_ID"] = "17"
        self.fetch("/a.pth", code=2, says=["SLURM_JOB_ID=17", "login node", str(self.cache)])
        self.assertEqual(self.server.requests, [])

    def test_a_repository_comes_as_a_folder(self):
        self.server.files = {"/owner/name/resolve/main/config.json": b"{}", "/owner/name/resolve/main/model.safetensors": CONTENT}
        self.fetch("/owner/name", says="owner--name")
        self.assertEqual((self.cache / "owner--name/model.safetensors").read_bytes(), CONTENT)
        index = b'{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
        self.server.files = {"/owner/large/resolve/main/config.json": b"{}", "/owner/large/resolve/main/model.safetensors.index.json": index,
                             "/owner/large/resolve/main/model-1.safetensors": b"1", "/owner/large/resolve/main/model-2.safetensors": b"2"}
        self.fetch("/owner/large")
        self.assertEqual(sorted(path.name for path in (self.cache / "owner--large").iterdir()),
                         ["config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json"])

    def test_a_stop_keeps_what_has_come(self):
        self.server.pause = 0.05
        process = program.start("models", "fetch", self.server.url("/a.pth"))
        part = self.cache / "a.pth.part"
        code, said = program.stop_when(process, lambda: part.exists() and part.stat().st_size > 0, signal.SIGTERM)
        self.assertEqual(code, 75, said)
        self.assertIn("are kept", said)
        self.server.pause = 0.0
        self.fetch("/a.pth", says="from an earlier attempt")
        self.check_whole()

    def test_names_that_cannot_be_fetched(self):
        for words, says in ((["dinov2/vits14-notpretrained"], "nothing to fetch"), (["dinov2/vits41"], "dinov2/vits14"), ([], "fetch what?")):
            done = program.run("models", "fetch", *words)
            self.assertEqual(done.returncode, 2, done.text)
            self.assertIn(says, done.text)


if __name__ == "__main__":
    program.main()
