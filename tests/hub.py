"""A stand-in for the hub on loopback: serves folders as repositories, takes uploads to them, and can fail."""

import base64
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import NamedTuple

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_SecretOfTheTests"
LARGE = (".safetensors", ".parquet")  # kinds of files that the hub keeps apart
WRITING = ("/api/repos/create", "/preupload/", "/commit/")
SCRIPTS = Path(__file__).parents[1] / "scripts"
HURRY = {"PYTHONPATH": str(Path(__file__).parent / "hooks"), "IMPATIENT": "1"}  # the clients wait but a moment


class Faults:
    """Answers that go wrong, one after another, whenever a path is asked for that ends in a certain way.

    Attributes:
        kinds: by how the path ends: HTTP statuses to answer with, "drop" (the connection breaks in the middle), "short"
            (fewer bytes than the file has, announced as if it were so), "damaged" (other bytes). Then all goes well.
        seen: how often something went wrong.
    """

    def __init__(self, kinds: dict[str, Iterable[int | str]]):
        self.kinds = {ending: iter(those) for ending, those in kinds.items()}
        self.seen, self.lock = 0, Lock()

    def __call__(self, path: str) -> int | str | None:
        with self.lock:
            kind = next((next(those, None) for ending, those in self.kinds.items() if path.endswith(ending)), None)
            self.seen += kind is not None
        return kind


class Repository(NamedTuple):
    """What is served: files of a folder, under a name, as one of "models" or "datasets"."""

    name: str
    folder: Path
    kind: str = "models"

    @property
    def files(self) -> dict[str, Path]:
        """By their name in the repository."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in paths}

    def resolve(self, path: str) -> Path | None:
        """The file that a path of the server stands for, at main or at `COMMIT`."""
        prefix = f"/{self.name}" if self.kind == "models" else f"/{self.kind}/{self.name}"
        for revision in ("main", COMMIT):
            if path.startswith(f"{prefix}/resolve/{revision}/"):
                return self.files.get(path.removeprefix(f"{prefix}/resolve/{revision}/"))
        return None

    def described(self, path: str, body: bytes, recursive: bool) -> list | dict | None:
        """What the hub's interface tells of it; None for what there is not.

        Args:
            path: of the server.
            body: of the request.
            recursive: list a folder with all that is further down.
        """
        api = f"/api/{self.kind}/{self.name}"
        for revision in ("main", COMMIT):
            if path in (api, f"{api}/revision/{revision}"):
                names = [{"rfilename": name} for name in self.files]
                return {"id": self.name, "sha": COMMIT, "siblings": names, "tags": []}
            if path == f"{api}/paths-info/{revision}":
                return [entry(name, self.files[name]) for name in json.loads(body)["paths"] if name in self.files]
            if path.startswith(f"{api}/tree/{revision}"):
                below = path.removeprefix(f"{api}/tree/{revision}").strip("/")
                return list(tree(self.folder, below, recursive)) or None
        return None

    def receive(self, path: str, body: bytes, address: str) -> dict | None:
        """Take a step of an upload, and answer as the hub does; None for what is no step of one.

        Args:
            path: of the server.
            body: of the request.
            address: of the server.
        """
        api, large = f"/api/{self.kind}/{self.name}", f"/{self.name}.git/large/"
        if path == f"{api}/preupload/main":
            return {"files": [preupload(file["path"]) for file in json.loads(body)["files"]]}
        if path == f"/{self.name}.git/info/lfs/objects/batch":
            objects = json.loads(body)["objects"]
            upload = [{"upload": {"href": f"{address}{large}{each['oid']}"}} for each in objects]
            return {"objects": [each | {"actions": actions} for each, actions in zip(objects, upload, strict=True)]}
        if path.startswith(large):
            self.write(f".large/{path.removeprefix(large)}", body)
            return {}
        if path == f"{api}/commit/main":
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.write(line["value"]["path"], base64.b64decode(line["value"]["content"]))
                if line["key"] == "lfsFile":
                    sent = self.folder / ".large" / line["value"]["oid"]
                    self.write(line["value"]["path"], sent.read_bytes())
                    sent.unlink()
            return {"commitUrl": f"{address}/{self.name}/commit/{COMMIT}", "commitOid": COMMIT}
        return None

    def write(self, name: str, data: bytes) -> None:
        (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(data)


@contextmanager
def serving(
    *repositories: Repository, gated: bool = False, faults: Callable[[str], int | str | None] = lambda path: None
):
    """Serve repositories at main and at `COMMIT`; yields the environment that points clients here.

    Who gives `TOKEN` may write. A repository whose folder is not there must be made first; what was asked for is then
    in `made.json` beside the folder.

    Args:
        repositories: what there is.
        gated: only for who gives `TOKEN`.
        faults: what goes wrong with a request for a path; None: nothing.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            path = self.path.split("?")[0].replace("%2F", "/")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            if gated and not known and self.command != "PUT":  # the address of a PUT is permission enough
                return self._answer(401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
            self.fault = faults(path)
            if isinstance(self.fault, int):
                return self._answer(self.fault, b"")
            address = f"http://{self.headers['Host']}"
            recursive = "recursive=true" in self.path.lower()
            if any(step in path for step in WRITING) and not known:
                return self._answer(403, b"", {"X-Error-Message": "You have no write access"})
            if path == "/api/validate-yaml":
                return self._json({})
            if path == "/api/repos/create":
                return self._json({"url": f"{address}/{make(repositories, json.loads(body))}"})
            for repository in repositories:
                if file := repository.resolve(path):
                    return self._file(file)
                if (told := repository.described(path, body, recursive)) is not None:
                    return self._json(told)
                if (told := repository.receive(path, body, address)) is not None:
                    return self._json(told)
            there = any(f"/{repository.name}/" in path for repository in repositories)
            code = "EntryNotFound" if "main" in path or COMMIT in path else "RevisionNotFound"
            return self._answer(404, b"", {"X-Error-Code": code if there else "RepoNotFound"})

        do_HEAD = do_POST = do_PUT = do_GET

        def _json(self, value):
            self._answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def _file(self, file):
            data = file.read_bytes()
            headers = {
                "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
                "X-Repo-Commit": COMMIT,
                "Accept-Ranges": "bytes",
            }
            if self.fault == "damaged":
                data = bytes(byte ^ 255 for byte in data)
            if self.fault == "short":
                data = data[: len(data) // 2]
            asked = self.headers.get("Range")
            if not asked:
                return self._answer(200, data, headers)
            start, stop = asked.removeprefix("bytes=").split("-")
            stop = min(int(stop or len(data)), len(data) - 1) + 1
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
            return self._answer(206, data[int(start) : stop], headers)

        def _answer(self, code, data, headers=None):
            self.send_response(code)
            for key, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if self.fault == "drop" else data)
                self.close_connection = self.close_connection or self.fault == "drop"

        fault = None

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
            "HF_HUB_DISABLE_XET": "1",
            **HURRY,
        }
    finally:
        server.shutdown()


def make(repositories: Iterable[Repository], asked: dict) -> str:
    """Make the folder of a repository, and note beside it what was asked for; the repository's name."""
    name = f"{asked['organization']}/{asked['name']}"
    (folder,) = (repository.folder for repository in repositories if repository.name == name)
    folder.mkdir(parents=True, exist_ok=True)
    folder.with_name("made.json").write_text(json.dumps(asked))
    return name


def preupload(name: str) -> dict:
    """How a file is to be sent: large kinds by themselves, others within the commit."""
    return {"path": name, "uploadMode": "lfs" if Path(name).suffix in LARGE else "regular", "shouldIgnore": False}


def tree(folder: Path, below: str, recursive: bool):
    """What is in a folder of the repository, as the hub lists it: `recursive` with all that is further down."""
    for path in sorted((folder / below).rglob("*") if recursive else (folder / below).glob("*")):
        name = path.relative_to(folder).as_posix()
        yield entry(name, path) if path.is_file() else {"type": "directory", "path": name, "size": 0, "oid": "0" * 40}


def entry(name: str, file: Path) -> dict:
    """A file as the hub's list of a repository has it: large kinds with their SHA-256, others with git's hash."""
    data = file.read_bytes()
    blob = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
    told = {"type": "file", "path": name, "size": len(data), "oid": blob}
    if file.suffix in LARGE:
        told["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return told


def run(program, *arguments, **environment):
    """Run a program with no Hugging Face settings but these, and a cache of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    command = [sys.executable, SCRIPTS / program, *map(str, arguments)]
    return subprocess.run(command, env=clean | environment, capture_output=True, text=True)
