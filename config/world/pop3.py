"""POP3 (RFC 1939) over the mailbox's messages: the mails to one address, in the order they came.

USER is the address and PASS the one password of the demo. DELE marks; QUIT takes what is marked out of this address's
view, and the record keeps it. Fault modes (see faults.py) count a RETR each: unavailable and declined answer -ERR,
drop cuts in the middle of a message, timeout answers nothing, rubbish says something that is no POP3.
"""

import asyncio
import contextlib
import hmac

from config.world import faults
from config.world.letters import Letters

IDLE_SECONDS = 60
LONGEST_LINE = 512
CAPABILITIES = ("USER", "UIDL", "TOP", "RESP-CODES")


class Session:
    """One connection."""

    def __init__(self, letters: Letters, password: str, armed: faults.Faults) -> None:
        self._letters, self._password, self._armed = letters, password, armed
        self._user, self._open = "", False
        self._mails: list[tuple[int, int]] = []  # (id, size)
        self._marked: set[int] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"+OK Mailbox ready\r\n")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, TimeoutError):
            while True:
                await writer.drain()
                async with asyncio.timeout(IDLE_SECONDS):
                    line = await reader.readuntil(b"\r\n")
                if len(line) > LONGEST_LINE:
                    break
                word, _, rest = line.decode("utf-8", "replace").strip().partition(" ")
                answer = await self._answer(word.upper(), rest.strip(), writer)
                if answer is None:
                    break
                writer.write(answer)
                if word.upper() == "QUIT":
                    await writer.drain()
                    break
        writer.close()

    async def _answer(self, word: str, rest: str, writer: asyncio.StreamWriter) -> bytes | None:
        if word == "QUIT":
            self._letters.hide(self._user, [self._mails[number - 1][0] for number in sorted(self._marked)])
            return b"+OK Goodbye\r\n"
        if word == "CAPA":
            return _many("+OK", CAPABILITIES)
        if not self._open:
            return self._sign_in(word, rest)
        if word in ("RETR", "TOP"):
            return await self._retrieve(word, rest, writer)
        return self._plain(word, rest)

    def _sign_in(self, word: str, rest: str) -> bytes:
        if word == "USER" and rest:
            self._user = rest.lower()
            return b"+OK\r\n"
        if word == "PASS" and self._user:
            if not hmac.compare_digest(rest.encode(), self._password.encode()):
                return b"-ERR [AUTH] Wrong address or password\r\n"
            self._mails = self._letters.sizes_to(self._user)
            self._open = True
            return f"+OK {len(self._mails)} messages\r\n".encode()
        return b"-ERR Sign in first\r\n"

    def _plain(self, word: str, rest: str) -> bytes:
        left = [(n, key, size) for n, (key, size) in enumerate(self._mails, 1) if n not in self._marked]
        if word == "STAT":
            return f"+OK {len(left)} {sum(size for _, _, size in left)}\r\n".encode()
        if word in ("LIST", "UIDL") and not rest:
            return _many("+OK", [f"{n} {size if word == 'LIST' else f'm{key}'}" for n, key, size in left])
        if word == "NOOP":
            return b"+OK\r\n"
        if word == "RSET":
            self._marked.clear()
            return b"+OK\r\n"
        number = self._number(rest)
        if word not in ("LIST", "UIDL", "DELE"):
            return b"-ERR Unknown command\r\n"
        if number is None:
            return b"-ERR No such message\r\n"
        if word == "DELE":
            self._marked.add(number)
            return b"+OK Marked\r\n"
        key, size = self._mails[number - 1]
        return f"+OK {number} {size if word == 'LIST' else f'm{key}'}\r\n".encode()

    async def _retrieve(self, word: str, rest: str, writer: asyncio.StreamWriter) -> bytes | None:
        first, _, lines = rest.partition(" ")
        number = self._number(first)
        if number is None or (word == "TOP" and not lines.isdigit()):
            return b"-ERR No such message\r\n"
        mode = self._armed.take() if word == "RETR" else ""
        if mode == "timeout":
            await asyncio.sleep(faults.HOLD_SECONDS)
            return None
        if mode in ("unavailable", "declined", "limited"):
            return b"-ERR [SYS/TEMP] Not available, try again later\r\n"
        if mode == "rubbish":
            return b"<!doctype html><title>Back in a moment</title>\r\n"
        raw = self._letters.raw(self._mails[number - 1][0])
        whole = _stuffed(raw if word == "RETR" else _top(raw, int(lines)))
        if mode == "drop":
            writer.write(whole[: len(whole) // 2])
            await writer.drain()
            return None
        return whole

    def _number(self, text: str) -> int | None:
        number = int(text) if text.isdigit() else 0
        return number if 1 <= number <= len(self._mails) and number not in self._marked else None


def _many(first: str, lines: object) -> bytes:
    return "".join(f"{line}\r\n" for line in (first, *lines, ".")).encode()  # type: ignore[misc]


def _stuffed(raw: bytes) -> bytes:
    """With CRLF ends and a dot before each line that begins with one."""
    lines = raw.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
    body = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
    return b"+OK %d octets\r\n" % len(raw) + body + b".\r\n"


def _top(raw: bytes, lines: int) -> bytes:
    head, gap, body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")
    return head + gap + b"\n".join(body.split(b"\n")[:lines])


async def listen(letters: Letters, password: str, armed: faults.Faults, listener: object) -> asyncio.Server:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Session(letters, password, armed).serve(reader, writer)

    return await asyncio.start_server(connected, sock=listener, limit=4096)  # type: ignore[arg-type]
