"""Libraries that are asynchronous inside run on one event loop beside the threads that ask."""

import asyncio
import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from runs.agents.background import Background


@pytest.fixture
def background() -> Iterator[Background]:
    found = Background("a test")
    yield found
    found.close()


async def _where() -> tuple[int, str]:
    await asyncio.sleep(0)
    return id(asyncio.get_running_loop()), threading.current_thread().name


def test_all_threads_share_one_loop_and_its_connections(background: Background) -> None:
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: background.run(_where()), range(20)))
    assert len(found) == 1
    assert found.pop()[1] == "a test"


def test_an_error_reaches_the_thread_that_asked(background: Background) -> None:
    async def fails() -> None:
        raise LookupError("nothing there")

    with pytest.raises(LookupError, match="nothing there"):
        background.run(fails())


def test_a_closed_loop_leaves_nothing_open_and_the_next_call_starts_another(background: Background) -> None:
    background.run(_where())
    background.close()
    gc.collect()
    assert "a test" not in {thread.name for thread in threading.enumerate()}
    assert background.run(_where())[1] == "a test"


def test_closing_what_never_began_does_nothing(background: Background) -> None:
    background.close()
    assert "a test" not in {thread.name for thread in threading.enumerate()}
