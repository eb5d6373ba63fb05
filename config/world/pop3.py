"""POP3 (RFC 1939) over the mailbox's messages: the mails to one address, in the order they came.

USER is the address, PASS the one password of the demo; the third wrong password ends the line. A session sees the mails that
were there when it signed in, whatever other sessions do. DELE marks; QUIT takes what is marked out of the view of this
address, and the record keeps it. A line that just ends (drop, idle too long) takes away nothing. UIDL never changes.

Fault modes (see faults.py), armed at /pop3/faults of the mailbox:
    unavailable, limited, declined  the next PASS is refused, with the right password too
    drop                            the next RETR ends the line in the middle of the message
    rubbish                         the next RETR answers something that is no POP3
    timeout                         the next RETR gets no answer: the line is held until its reader leaves, or 60 s
"""

import asyncio
import hmac
import socket
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from config.world import faults
from config.world.letters import Letters

IDLE_SECONDS = 600  # the least that RFC 1939 allows
LONGEST_LINE = 512
MOST_WRONG = 3
CAPABILITIES = ("TOP", "USER", "UIDL", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER")
AT_SIGN_IN = {
    "unavailable": "-ERR [SYS/TEMP] The mailbox is not available, try again later",
    "limited": "-ERR [LOGIN-DELAY] Too many sign-ins, slow down",
    "declined": "-ERR [AUTH] This address may not sign in",
}
AT_RETRIEVAL = ("timeout", "drop", "rubbish")
WRONG = "-ERR [AUTH] Wrong address or password"
NO_SUCH_MESSAGE = "-ERR No such message"


@asynccontextmanager
async def listening(
    letters: Letters, password: str, armed: faults.Faults, listener: socket.socket, *, idle_s: float = IDLE_SECONDS
) -> AsyncIterator[None]:
    """Answer on `listener` until the block ends, which cuts the lines that are open."""
    lines: set[asyncio.StreamWriter] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.add(writer)
        try:
            await Session(letters, password, armed, reader, writer).serve(idle_s)
        finally:
            lines.discard(writer)
            writer.close()

    server = await asyncio.start_server(connected, sock=listener, limit=LONGEST_LINE)
    try:
        yield
    finally:
        server.close()
        for writer in lines:
            writer.transport.abort()


class Session:
    """One line, from greeting to end."""

    def __init__(
        self,
        letters: Letters,
        password: str,
        armed: faults.Faults,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._letters, self._password, self._armed = letters, password, armed
        self._reader, self._writer = reader, writer
        self._user, self._wrong, self._open, self._over = "", 0, False, False
        self._mails: list[tuple[int, int]] = []  # (id, octets)
        self._marked: set[int] = set()  # numbers in this session, from 1

    async def serve(self, idle_s: float) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            await self._say(b"+OK Mailbox ready\r\n", idle_s)
            while not self._over:
                word, rest = await self._command(idle_s)
                await self._say(await self._answer(word, rest), idle_s)

    async def _say(self, answer: bytes, idle_s: float) -> None:
        self._writer.write(answer)
        async with asyncio.timeout(idle_s):
            await self._writer.drain()

    async def _command(self, idle_s: float) -> tuple[str, str]:
        """The word in capitals and what follows it. A line that is too long reads as the word ""."""
        try:
            async with asyncio.timeout(idle_s):
                line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            return "", ""
        word, _, rest = line.decode("utf-8", "replace").rstrip("\r\n").partition(" ")
        return word.upper() or "?", rest

    async def _answer(self, word: str, rest: str) -> bytes:
        if word == "":
            self._over = True
            return _line(f"-ERR A line has at most {LONGEST_LINE} octets")
        if word == "QUIT":
            return self._quit()
        if word == "CAPA":
            return _many("+OK These", CAPABILITIES)
        if not self._open:
            return self._sign_in(word, rest)
        if word in ("STAT", "LIST", "UIDL"):
            return self._listing(word, rest.strip())
        if word in ("RETR", "TOP"):
            return await self._message(word, rest)
        return self._marking(word, rest)

    def _quit(self) -> bytes:
        self._over = True
        self._letters.hide(self._user, [self._mails[number - 1][0] for number in sorted(self._marked)])
        return _line("+OK Goodbye")

    def _sign_in(self, word: str, rest: str) -> bytes:
        if word == "USER":
            self._user = rest.strip().lower()
            return _line("+OK Now the password" if self._user else "-ERR Which address?")
        if word != "PASS" or not self._user:
            return _line("-ERR Sign in first, with USER and PASS")
        if not hmac.compare_digest(rest.encode(), self._password.encode()):
            self._user, self._wrong = "", self._wrong + 1
            self._over = self._wrong == MOST_WRONG
            return _line(WRONG)
        mode = self._armed.take(*AT_SIGN_IN)
        if mode:
            self._user = ""
            return _line(AT_SIGN_IN[mode])
        self._mails, self._open = self._letters.sizes_to(self._user), True
        return _line(f"+OK {len(self._mails)} messages")

    def _listing(self, word: str, rest: str) -> bytes:
        told = {
            number: f"{number} {f'm{key}' if word == 'UIDL' else size}"
            for number, (key, size) in enumerate(self._mails, 1)
            if number not in self._marked
        }
        if word == "STAT":
            return _line(f"+OK {len(told)} {sum(self._mails[number - 1][1] for number in told)}")
        if not rest:
            return _many(f"+OK {len(told)} messages", told.values())
        number = self._number(rest)
        return _line(f"+OK {told[number]}" if number else NO_SUCH_MESSAGE)

    def _marking(self, word: str, rest: str) -> bytes:
        if word == "NOOP":
            return _line("+OK")
        if word == "RSET":
            self._marked.clear()
            return _line(f"+OK {len(self._mails)} messages")
        if word != "DELE":
            return _line("-ERR Unknown command")
        number = self._number(rest.strip())
        if not number:
            return _line(NO_SUCH_MESSAGE)
        self._marked.add(number)
        return _line(f"+OK {number} goes at QUIT")

    async def _message(self, word: str, rest: str) -> bytes:
        first, _, lines = rest.strip().partition(" ")
        number = self._number(first)
        if not number:
            return _line(NO_SUCH_MESSAGE)
        raw = self._letters.raw(self._mails[number - 1][0])
        if word == "TOP":
            return _stuffed(_top(raw, int(lines))) if _is_number(lines) else _line("-ERR How many lines?")
        return await self._faulty(self._armed.take(*AT_RETRIEVAL), _stuffed(raw))

    async def _faulty(self, mode: str, whole: bytes) -> bytes:
        self._over = mode in ("timeout", "drop")
        if mode == "timeout":
            async with asyncio.timeout(faults.HOLD_SECONDS):
                while await self._reader.read(LONGEST_LINE):
                    pass
            return b""
        if mode == "drop":
            return whole[: len(whole) // 2]
        return _line("<!doctype html><title>Back in a moment</title>") if mode == "rubbish" else whole

    def _number(self, text: str) -> int:
        """The number of a message that is there and not marked, or 0."""
        number = int(text) if _is_number(text) else 0
        return number if number <= len(self._mails) and number not in self._marked else 0


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _line(text: str) -> bytes:
    return f"{text}\r\n".encode()


def _many(first: str, lines: Iterable[str]) -> bytes:
    return b"".join(map(_line, (first, *lines, ".")))


def _stuffed(raw: bytes) -> bytes:
    """The message as an answer: a dot before each line that begins with one, and a dot alone at the end."""
    body = raw.replace(b"\r\n.", b"\r\n..")
    return b"+OK %d octets\r\n" % len(raw) + (b"." if body.startswith(b".") else b"") + body + b".\r\n"


def _top(raw: bytes, lines: int) -> bytes:
    """Headers, the blank line, and so many lines of the body."""
    head, gap, body = raw.partition(b"\r\n\r\n")
    return head + gap + b"".join(body.splitlines(keepends=True)[:lines]) if gap else raw
