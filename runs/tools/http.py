"""HTTP for tools: every ending of a request becomes one of the tool errors, by whether something may have been done."""

import threading
from typing import Any

import httpx
from django.conf import settings

from runs import errors

_CALLED = {
    "orders": "order service",
    "ledger": "ledger",
    "mailbox": "mailbox",
    "register": "register",
    "press": "press archive",
}
_client: dict[str, httpx.Client] = {}
_making = threading.Lock()


def call(method: str, base: str, path: str, *, key: str = "", json: Any = None) -> dict[str, Any] | None:
    """The JSON object of a 2xx answer, or None for 404.

    Raises `Unreachable` (nothing was sent), `Limited` (429), `Unavailable` (5xx), `Declined` (other 4xx),
    or, when the request left and no readable answer came (cut, timed out, not JSON), `Unclear`; of a GET, which
    changes nothing, `TookTooLong` or `Unavailable`, so that it is asked again.
    """
    headers = {"Idempotency-Key": key} if key else {}
    try:
        answer = _connection().request(method, base + path, json=json, headers=headers)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol):
        raise errors.Unreachable(f"The {_host(base)} could not be reached. Nothing was sent.") from None
    except httpx.TimeoutException:
        if method == "GET":
            raise errors.TookTooLong(f"The {_host(base)} did not answer in {_seconds():g} s.") from None
        raise errors.Unclear(f"The {_host(base)} did not answer in {_seconds():g} s.") from None
    except httpx.HTTPError as error:
        if method == "GET":
            raise errors.Unavailable(f"The line to the {_host(base)} dropped before it answered.") from None
        raise errors.Unclear(
            f"The line to the {_host(base)} dropped before it answered ({type(error).__name__})."
        ) from None
    return _read(answer, base)


def _read(answer: httpx.Response, base: str) -> dict[str, Any] | None:
    host, status = f"The {_host(base)}", answer.status_code
    if status == 404:
        return None
    if status == 429:
        raise errors.Limited(f"{host} asked to slow down (429).", _retry_after(answer))
    if status >= 500:
        error = errors.Unavailable(f"{host} is not available ({status}).")
        error.retry_after = _retry_after(answer)
        raise error
    try:
        body = answer.json()
    except ValueError:
        body = None
    if status >= 400:
        why = body.get("error", "") if isinstance(body, dict) else ""
        raise errors.Declined(f"{host} said no ({status}): {str(why).replace('_', ' ') or 'no reason given'}.")
    if not isinstance(body, dict):
        raise errors.Unclear(f"{host} answered {status} with something that is not a JSON object.")
    return body


def _retry_after(answer: httpx.Response) -> float | None:
    raw = answer.headers.get("retry-after", "")
    return float(raw) if raw.replace(".", "", 1).isdigit() else None


def _connection() -> httpx.Client:
    """One client for the process: httpx clients may be shared by threads, which may ask for it at the same moment."""
    with _making:
        if "it" not in _client:
            _client["it"] = httpx.Client(
                timeout=httpx.Timeout(_seconds(), connect=2.0), follow_redirects=False, trust_env=False
            )
        return _client["it"]


def _seconds() -> float:
    return settings.HOLDPOINT_TOOL_TIMEOUT_SECONDS


def _host(base: str) -> str:
    """What people call the service at `base`."""
    return _CALLED.get(next((name for name, url in settings.HOLDPOINT_WORLD.items() if url == base), ""), "service")
