"""The servers that the environment names. Each is asked once before anything starts, and what is wrong is one sentence."""

import os
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import kombu
import psycopg
import redis
from amqp.exceptions import AMQPError
from django.core.exceptions import ImproperlyConfigured
from kombu.exceptions import KombuError
from psycopg.conninfo import make_conninfo

from config import env
from config.launch import roles
from config.launch.children import Trouble

NAMES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_DIRECT_URL", "BROKER_URL", "REDIS_URL")
ANSWERS_WITHIN_S = 3
PREPARE = "Run bin/prepare-database with DATABASE_ADMIN_URL"


def as_given() -> dict[str, str]:
    """What the environment says of servers, as it says it: an address, or the file that holds it."""
    known = (given for name in NAMES for given in (name, f"{name}_FILE"))
    return {name: os.environ[name] for name in known if os.environ.get(name)}


def address(name: str) -> str:
    """The address `name` gives, or nothing. Raises `Trouble` when it makes no sense."""
    schemes = {"BROKER_URL": env.BROKER, "REDIS_URL": env.REDIS}.get(name, env.DATABASE)
    try:
        url = env.address(name, schemes)
        if url and schemes is env.DATABASE:
            env.database(url, name)
    except ImproperlyConfigured as error:
        raise Trouble(str(error)) from None
    return url


def check() -> None:
    """Ask every server that is named. Raises `Trouble` for the first that is wrong, away or not prepared."""
    urls = {name: address(name) for name in NAMES}
    if not urls["DATABASE_URL"]:
        for name in ("DATABASE_OWNER_URL", "DATABASE_DIRECT_URL"):
            if urls[name]:
                raise Trouble(f"{name} is set and DATABASE_URL is not. Set both, or neither for the embedded server.")
    else:
        check_database("DATABASE_URL", roles.APP)
    if urls["DATABASE_OWNER_URL"]:
        check_database("DATABASE_OWNER_URL", roles.OWNER)
    if urls["DATABASE_DIRECT_URL"]:
        check_database("DATABASE_DIRECT_URL", roles.APP)
    if urls["BROKER_URL"]:
        check_broker()
    if urls["REDIS_URL"]:
        _ask("REDIS_URL", _ask_redis)


def check_database(name: str, role: str) -> None:
    """Raise `Trouble` unless `name` reaches a PostgreSQL of our age as `role`, which row-level security has to bind."""
    with connect(name) as connection:
        user, above, version, place = connection.execute(
            "SELECT current_user, rolsuper OR rolbypassrls, current_setting('server_version_num')::int / 10000,"
            " current_database() FROM pg_roles WHERE rolname = current_user"
        ).fetchone() or ("", False, 0, "")
        if version < roles.LEAST_VERSION:
            raise Trouble(f"{name} is a PostgreSQL {version}. Holdpoint needs {roles.LEAST_VERSION} or newer.")
        if user != role:
            raise Trouble(f"{name} signs in as {user}; it has to be {role}. {PREPARE} if there is no such role yet.")
        if above:
            raise Trouble(
                f"{role} is above row-level security. Take that from it: ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS."
            )
        if role == roles.OWNER and not _may_migrate(connection):
            raise Trouble(f"{role} may not migrate {place}: it does not own it, or lacks {roles.CROSS}. {PREPARE}.")


def check_broker() -> None:
    """Raise `Trouble` unless the broker lets us in."""
    _ask("BROKER_URL", _ask_broker)


def connect(name: str) -> psycopg.Connection:
    """A connection to the database `name` gives. Raises `Trouble` when it does not answer or refuses."""
    try:
        url = make_conninfo(address(name), connect_timeout=ANSWERS_WITHIN_S)
        return psycopg.connect(url, autocommit=True, application_name="holdpoint start")
    except psycopg.Error as error:
        said = " ".join(str(error).split("\n")[0].split())
        raise Trouble(f"{name} cannot be used: {said}. Start that server or correct {name}, then try again.") from None


def _may_migrate(connection: psycopg.Connection) -> bool:
    row = connection.execute(
        "SELECT pg_has_role(current_user, datdba, 'MEMBER') AND EXISTS (SELECT FROM pg_roles WHERE rolname = %s)"
        " AND EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
        " JOIN pg_roles o ON o.oid = m.member WHERE r.rolname = %s AND o.rolname = current_user)"
        " FROM pg_database WHERE datname = current_database()",
        [roles.APP, roles.CROSS],
    ).fetchone()
    return bool(row and row[0])


def _ask(name: str, question: Callable[[str], Any]) -> None:
    url = address(name)
    try:
        question(url)
    except (OSError, AMQPError, KombuError, redis.RedisError, ValueError) as error:
        parts = urlsplit(url)
        where = f"{parts.hostname or parts.path}{f':{parts.port}' if parts.port else ''}"
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise Trouble(
            f"{name} cannot be used: {where} said “{said}”. Start that server or correct {name}, then try again."
        ) from None


def _ask_broker(url: str) -> None:
    with kombu.Connection(url, connect_timeout=ANSWERS_WITHIN_S) as connection:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=ANSWERS_WITHIN_S)


def _ask_redis(url: str) -> None:
    limits = {"socket_connect_timeout": ANSWERS_WITHIN_S, "socket_timeout": ANSWERS_WITHIN_S}
    with redis.Redis.from_url(url, **limits) as client:
        client.ping()
