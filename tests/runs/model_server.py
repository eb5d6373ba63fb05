"""A model's provider on loopback, as OpenAI's chat interface tells it, that fails in the ways such servers fail."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def answer(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "x",
        "object": "chat.completion",
        "created": 1,
        "model": "tiny-2026",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 40, "completion_tokens": 8, "total_tokens": 48},
    }


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        server: Any = self.server
        server.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        status, body, headers = server.says
        if status == "hang":
            server.freed.wait(10)
        if isinstance(status, str):
            self.close_connection = True
            return
        sent = json.dumps(body).encode() if not isinstance(body, bytes) else body
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(sent)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(sent)


@contextmanager
def provider(status: int | str, body: Any = None, **headers: str) -> Iterator[Any]:
    """A server that always says this; `status` may be "drop" or "hang". `.url`, `.asked`: the bodies it was sent."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.says, server.asked, server.freed = (status, body, headers), [], threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}/v1"
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.freed.set()
        server.shutdown()
        server.server_close()
