"""The backend itself; Django looks for it under this name. It differs in what becomes of sessions that the server has cut."""

from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import ConnectionPool


class DatabaseWrapper(base.DatabaseWrapper):
    """When one shared session is found dead, all idle ones are renewed at once.

    The pool's own check waits a second or more after each dead one, so a restart of PostgreSQL cost a dozen requests
    their time limit. Leave CONN_HEALTH_CHECKS off with this backend, or the pool's check comes first.
    """

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and not _lives(connection):
            self.pool.drain()
            self.pool.putconn(connection)
            connection = super().get_new_connection(conn_params)
        return connection


def _lives(connection: Any) -> bool:
    try:
        ConnectionPool.check_connection(connection)
    except psycopg.OperationalError:
        return False
    return True
