"""bin/up on Debian's PostgreSQL, RabbitMQ and Redis: the same product, nothing embedded, and servers that go away."""

import itertools
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import redis
from websockets.exceptions import ConnectionClosed, InvalidStatus

from config.launch.postgres import EmbeddedPostgres
from tests import servers
from tests.config.own_product import Product, addresses, administrator, command, frames, running
from tests.conftest import need
from tests.crash.stage import wait_for

pytestmark = [pytest.mark.crash, pytest.mark.celery, pytest.mark.timeout(120)]
JONAS = "jonas@northwind.example"
WORKERS_HOLD = 4 * 2  # processes, each with a task and a beat
NUMBERS = (f"NW-{number}" for number in itertools.count(93_000))


@dataclass(frozen=True, kw_only=True)
class Debian:
    """The servers of this module."""

    postgres: int
    rabbitmq: servers.RabbitMQ
    redis: str

    def prepare(self, database: str) -> dict[str, str]:
        """A database of its own with the three roles, by an administrator who is no superuser."""
        urls = addresses(self.postgres, database)
        admin = f"postgresql://dba:not%20a%20superuser@127.0.0.1:{self.postgres}/postgres"
        for _ in range(2):
            done = command(".prepare", DATABASE_ADMIN_URL=admin, **urls)
            assert done.returncode == 0, done.stderr
        return urls


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A short path that PostgreSQL's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="hp-own-", dir="/var/tmp") as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture(scope="module")
def debian(place: Path) -> Iterator[Debian]:
    port = servers.free_port()
    with (
        servers.postgres(place / "pg") as postgres,
        servers.redis(place / "redis", port) as redis_url,
        servers.rabbitmq(place / "rabbit") as rabbit,
    ):
        with administrator(postgres) as connection:
            connection.execute("CREATE ROLE dba LOGIN CREATEROLE CREATEDB PASSWORD 'not a superuser'")
        yield Debian(postgres=postgres, rabbitmq=rabbit, redis=redis_url)


def test_the_printed_statements_do_the_same_with_psql_and_may_be_repeated(debian):
    need("psql")
    statements = command(".prepare", **addresses(debian.postgres, "by_hand")).stdout
    where = f"host=127.0.0.1 port={debian.postgres} user=dba password='not a superuser' dbname=postgres"
    for _ in range(2):
        done = subprocess.run(["psql", where], input=statements, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
    with administrator(debian.postgres) as connection:
        owner = connection.execute(
            "SELECT pg_get_userbyid(datdba), has_database_privilege('public', datname, 'CONNECT')"
            " FROM pg_database WHERE datname = 'by_hand'"
        ).fetchone()
    assert owner == ("holdpoint_owner", False)


@pytest.fixture(scope="module")
def on_rabbitmq(debian: Debian, place: Path) -> Iterator[Product]:
    urls = debian.prepare("on_rabbitmq")
    with running(place / "a", BROKER_URL=debian.rabbitmq.url, REDIS_URL=debian.redis, **urls) as product:
        yield product


@pytest.fixture(scope="module")
def key(on_rabbitmq: Product) -> str:
    return on_rabbitmq.key()


def paid(product: Product, key: str, run: str) -> bool:
    """See the run wait for a decision, approve it as a reviewer does, and see it end."""
    product.wait_for(key, run, "waiting", "approval")
    assert product.approve(run).status_code == 302
    product.wait_for(key, run, "done")
    return True


def nothing_is_embedded(product: Product) -> bool:
    embedded = EmbeddedPostgres(product.data)
    return not embedded.cluster.exists() and not embedded.socket.exists()


def test_a_refund_is_held_approved_and_paid_on_ones_own_servers(on_rabbitmq, debian, key):
    run = on_rabbitmq.start(key, next(NUMBERS))
    on_rabbitmq.wait_for(key, run, "waiting", "approval")
    with on_rabbitmq.socket() as page:
        assert on_rabbitmq.approve(run).status_code == 302
        assert frames(page, run)
        with redis.Redis.from_url(debian.redis) as client:
            assert client.keys("holdpoint:group:tenant.*")
    on_rabbitmq.wait_for(key, run, "done")
    assert debian.rabbitmq.waiting("holdpoint") < 5
    assert nothing_is_embedded(on_rabbitmq)
    with administrator(debian.postgres) as connection:
        users = connection.execute("SELECT DISTINCT usename FROM pg_stat_activity WHERE datname = 'on_rabbitmq'")
        assert {name for (name,) in users} == {"holdpoint_app"}


def listening(debian: Debian) -> list[int]:
    """The sessions that listen for news, by the ids of their server processes."""
    with administrator(debian.postgres) as connection:
        found = connection.execute(
            "SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN holdpoint_news' AND datname = 'on_rabbitmq'"
        )
        return [pid for (pid,) in found]


def test_two_web_processes_hear_the_same_news_once_and_one_of_them_listens(on_rabbitmq, debian, key):
    other = on_rabbitmq.web(servers.free_port())
    with on_rabbitmq.socket() as page, on_rabbitmq.socket(other) as second:
        wait_for(lambda: len(listening(debian)) == 1, "web process that listens")
        run = on_rabbitmq.start(key, next(NUMBERS))
        heard = [[(frame["seq"], *frame["about"]) for frame in frames(one, run)] for one in (page, second)]
        assert all(heard)
        assert all(len(set(one)) == len(one) for one in heard)
        assert len(listening(debian)) == 1


def test_when_the_one_that_listens_ends_another_takes_over(on_rabbitmq, debian, key):
    other = on_rabbitmq.web(servers.free_port())
    with on_rabbitmq.socket() as page, on_rabbitmq.socket(other) as second:
        (pid,) = wait_for(lambda: listening(debian), "web process that listens")
        with administrator(debian.postgres) as connection:
            connection.execute("SELECT pg_terminate_backend(%s)", [pid])
        wait_for(lambda: pid not in listening(debian) and listening(debian), "other web process that listens")
        run = on_rabbitmq.start(key, next(NUMBERS))
        assert frames(page, run)
        assert frames(second, run)


def busy(product: Product) -> set[int]:
    """Read a page from 24 sides at once; returns the statuses."""
    page = product.url + "northwind/review/"
    with ThreadPoolExecutor(24) as readers:
        return {answer.status_code for answer in readers.map(product.me.get, [page] * 60)}


def test_when_postgresql_cuts_every_session_pages_and_runs_go_on(on_rabbitmq, debian, key):
    assert busy(on_rabbitmq) == {200}
    with administrator(debian.postgres) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'on_rabbitmq'")
    assert busy(on_rabbitmq) == {200}
    assert paid(on_rabbitmq, key, on_rabbitmq.start(key, next(NUMBERS)))


def test_a_web_process_asks_for_twelve_sessions_at_most(on_rabbitmq, debian):
    assert busy(on_rabbitmq) == {200}
    with administrator(debian.postgres) as connection:
        (held,) = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = 'on_rabbitmq'").fetchone()
    assert held <= 12 + WORKERS_HOLD + 1


def test_a_dump_by_the_owner_is_whole_and_can_be_restored(on_rabbitmq, debian, place, key):
    on_rabbitmq.wait_for(key, on_rabbitmq.start(key, next(NUMBERS)), "waiting")
    dump, programs = str(place / "holdpoint.dump"), servers.programs()
    how = ["--format=custom", "--enable-row-security", "--file", dump, on_rabbitmq.servers["DATABASE_OWNER_URL"]]
    subprocess.run([programs / "pg_dump", *how], check=True, capture_output=True, timeout=60)
    urls = debian.prepare("restored")
    admin = f"postgresql://{servers.ADMIN}:{quote(servers.PASSWORD, safe='')}@127.0.0.1:{debian.postgres}/restored"
    how = ["--exit-on-error", "--dbname", admin, dump]
    subprocess.run([programs / "pg_restore", *how], check=True, capture_output=True, timeout=60)
    counts = [rows(owner["DATABASE_OWNER_URL"]) for owner in (on_rabbitmq.servers, urls)]
    assert counts[0] == counts[1]
    assert min(counts[0].values()) > 0
    assert command(".manage", "issue_key", "--tenant", "northwind", "--email", JONAS, **urls).stdout.startswith("hp_")


def rows(owner_url: str) -> dict[str, int]:
    with psycopg.connect(owner_url) as connection:
        return {
            table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            for table in ("tenants_membership", "runs_run", "runs_event", "runs_action", "approvals_approval")
        }


def test_while_rabbitmq_is_away_a_decision_counts_and_the_run_goes_on_when_it_is_back(on_rabbitmq, debian, key):
    run = on_rabbitmq.start(key, next(NUMBERS))
    on_rabbitmq.wait_for(key, run, "waiting", "approval")
    debian.rabbitmq.stop()
    assert on_rabbitmq.approve(run).status_code == 302
    late = on_rabbitmq.start(key, next(NUMBERS))
    assert on_rabbitmq.stands(key, late)[0] == "queued"
    debian.rabbitmq.start()
    on_rabbitmq.wait_for(key, run, "done", within_s=30)
    assert paid(on_rabbitmq, key, late)


def hears(product: Product, key: str) -> bool:
    """Whether a page that connects now hears of a run that starts; pages try again until it does."""
    with suppress(InvalidStatus, ConnectionClosed), product.socket() as page:
        return bool(frames(page, product.start(key, next(NUMBERS))))
    return False


def test_without_being_asked_the_demo_stays_out_and_the_first_tenant_is_made_by_command(debian, place):
    urls = debian.prepare("bare")
    owner = ("--owner", "ann@acme.example", "--password-stdin")
    with running(place / "bare", demo=False, **urls) as product:
        made = product.manage("create_tenant", "acme", "Acme Ltd", *owner, said="three long words\n")
        assert "acme is there" in made.stdout, made.stderr
        product.sign_in("ann@acme.example", "three long words")
        assert product.me.get(product.url + "acme/review/").status_code == 200
        assert not (product.data / "world").exists()
    assert (
        "Nobody signs in as" in product.manage("issue_key", "--tenant", "x", "--email", "mara@northwind.example").stderr
    )


def test_while_redis_is_away_the_socket_closes_and_pages_and_decisions_go_on(debian, place):
    urls = debian.prepare("without_redis")
    port = servers.free_port()
    with servers.redis(place / "lost", port) as url:
        with running(place / "b", REDIS_URL=url, **urls) as product:
            key = product.key()
            run = product.start(key, next(NUMBERS))
            with product.socket() as page, redis.Redis.from_url(url) as client:
                client.shutdown(nosave=True)
                with pytest.raises(ConnectionClosed):
                    frames(page, run, within_s=15)
            assert product.me.get(product.url + "northwind/review/").status_code == 200
            assert paid(product, key, run)
            with servers.redis(place / "back", port):
                assert wait_for(lambda: hears(product, key), "news by a new socket")


def test_with_redis_as_broker_and_behind_pgbouncer_it_is_the_same(debian, place):
    direct = debian.prepare("on_redis")
    users = {"holdpoint_app": "a/p:p", "holdpoint_owner": "own@er"}
    broker = debian.redis.replace("/0", "/1")
    with servers.pgbouncer(place / "pooler", debian.postgres, users) as port:
        urls = addresses(port, "on_redis") | {"DATABASE_DIRECT_URL": direct["DATABASE_URL"]}
        with running(place / "c", BROKER_URL=broker, **urls) as product:
            key = product.key()
            run = product.start(key, next(NUMBERS))
            product.wait_for(key, run, "waiting", "approval")
            with product.socket() as page:
                assert product.approve(run).status_code == 302
                assert frames(page, run)
            product.wait_for(key, run, "done")
            with redis.Redis.from_url(broker) as client:
                assert client.keys("_kombu.binding.holdpoint")
            assert nothing_is_embedded(product)
            logs = {path.name: path.read_text() for path in (product.data / "logs").iterdir()}
            assert {name for name, text in logs.items() if "Traceback" in text} == set()
            assert {"web.log", "worker.log", "beat.log"} <= set(logs)
