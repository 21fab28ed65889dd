"""A stand-in for the model hub on loopback: serves the files of a folder as the one repository that it has."""

import hashlib
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@contextmanager
def serving(folder: Path, repo: str, gated: bool = False):
    """Serve `folder` as `repo` (at main and at `COMMIT`); yields the environment that points clients here."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self, body=True):
            path = self.path.split("?")[0]
            if gated and self.headers.get("Authorization") != "Bearer good":
                return self._answer(401, b"", {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
            for revision in ("main", COMMIT):
                if path == f"/api/models/{repo}/revision/{revision}":
                    names = [{"rfilename": file.name} for file in folder.iterdir()]
                    return self._json({"id": repo, "sha": COMMIT, "siblings": names}, body)
                if path == f"/api/models/{repo}/tree/{revision}":
                    entries = [
                        {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40}
                        for file in folder.iterdir()
                    ]
                    return self._json(entries, body)
                file = folder / Path(path).name
                if path == f"/{repo}/resolve/{revision}/{file.name}" and file.is_file():
                    data = file.read_bytes()
                    tag = hashlib.sha256(data).hexdigest()
                    return self._answer(200, data, {"ETag": f'"{tag}"', "X-Repo-Commit": COMMIT}, body)
            known = f"/api/models/{repo}/" in path or path.startswith(f"/{repo}/")
            code = "EntryNotFound" if "main" in path or COMMIT in path else "RevisionNotFound"
            return self._answer(404, b"", {"X-Error-Code": code if known else "RepoNotFound"})

        def do_HEAD(self):
            self.do_GET(body=False)

        def _json(self, value, body):
            self._answer(200, json.dumps(value).encode(), {"Content-Type": "application/json"}, body)

        def _answer(self, code, data, headers, body=True):
            self.send_response(code)
            for key, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_DISABLE_XET": "1"}
    finally:
        server.shutdown()
