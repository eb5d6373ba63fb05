"""How each program listens: a bound loopback socket, one ready line, a quick end, and a way to cut a connection."""

import argparse
import asyncio
import socket
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"
# Longer than the 5 s after which httpx lets an idle connection go: were the two equal, a request could meet a closing line.
IDLE_SECONDS = 65
GRACE_SECONDS = 1


class Wire(H11Protocol):
    """HTTP/1.1 that lets the application reach its transport, so that `cut` can end a connection without an answer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


class Announced(uvicorn.Server):
    """Prints its ready line once it listens. A supervisor waits for that line."""

    def __init__(self, config: uvicorn.Config, line: str) -> None:
        super().__init__(config)
        self._line = line

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self._line, flush=True)


def arguments(name: str, *more_ports: str) -> argparse.Namespace:
    """`--port` and `--data`, and an option for each further port. Port 0 lets the system choose."""
    parser = argparse.ArgumentParser(
        prog=f"config.world.{name}", description=f"The {name} of the demo's outside world."
    )
    for port in ("--port", *more_ports):
        parser.add_argument(port, type=int, required=True, help="0 picks a free one; the ready line tells which")
    parser.add_argument("--data", type=Path, required=True, help="folder of the record; made when it is missing")
    return parser.parse_args()


def bound(port: int) -> socket.socket:
    """A socket that owns its loopback port. Ends the program with a sentence when the port is taken."""
    # asyncio turns Nagle's delay (40 ms an answer) off only where the socket names its protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        raise SystemExit(f"Port {port} cannot be used: {error.strerror}. Choose another with --port.") from None
    return listener


def address(scheme: str, listener: socket.socket) -> str:
    return f"{scheme}://{HOST}:{listener.getsockname()[1]}"


async def serve(app: Starlette, listener: socket.socket, *, also: str = "") -> None:
    """Answer until SIGTERM or SIGINT. `also` is a further address for the ready line."""
    config = uvicorn.Config(
        app,
        http=Wire,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    line = f"ready {address('http', listener)} {also}".rstrip()
    await Announced(config, line).serve(sockets=[listener])


async def cut(request: Request) -> Response:
    """End the connection of `request` with no answer. The response returned is for the router only; nobody gets it."""
    abort(request)
    await asyncio.sleep(0)  # the protocol notes the loss in the next turn of the loop and then sends nothing
    return Response()


def abort(request: Request) -> None:
    request.scope["state"]["transport"].abort()
