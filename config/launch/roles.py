"""The three roles of a database and what each may do. The same statements make them embedded and on a server of one's own."""

import psycopg
from psycopg import sql

OWNER, APP, CROSS = "holdpoint_owner", "holdpoint_app", "holdpoint_cross"
LOGINS = (OWNER, APP)
LEAST_VERSION = 15

# None of them is a superuser. owner migrates; app serves and owns nothing; cross signs in nowhere: it owns the few
# functions that look across tenants, so the owner has to be able to hand them over. An administrator who is no
# superuser joins the owner, to make a database that belongs to it.
ROLES = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{OWNER}') THEN CREATE ROLE {OWNER} LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP}') THEN CREATE ROLE {APP} LOGIN; END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{CROSS}') THEN CREATE ROLE {CROSS} NOLOGIN; END IF;
    IF NOT (pg_has_role('{OWNER}', '{CROSS}', 'MEMBER') AND pg_has_role('{OWNER}', '{APP}', 'MEMBER')) THEN
        GRANT {CROSS}, {APP} TO {OWNER};
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN GRANT {OWNER} TO CURRENT_USER; END IF;
END $$"""

# Whoever connects as somebody else has no business in this database.
CLOSE = "REVOKE ALL ON DATABASE {database} FROM PUBLIC"
OPEN = f"GRANT CONNECT, TEMPORARY ON DATABASE {{database}} TO {APP}, {OWNER}"


def make(connection: psycopg.Connection) -> None:
    """Make the roles that are missing. Needs CREATEROLE; running it again changes nothing."""
    connection.execute(ROLES)


def set_password(connection: psycopg.Connection, role: str, password: str) -> None:
    """Give `role` a password. Only its verifier is sent, so the server's log never shows the password."""
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(verifier)))


def owner_of(connection: psycopg.Connection, database: str) -> str:
    """The role that owns `database`; empty when there is no such database."""
    found = connection.execute(
        "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database]
    ).fetchone()
    return found[0] if found else ""


def create_database(connection: psycopg.Connection, name: str, template: str = "template0") -> bool:
    """Make `name`, owned by the owner role; False when it exists."""
    if owner_of(connection, name):
        return False
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} ENCODING 'UTF8'")
    connection.execute(statement.format(*map(sql.Identifier, (name, OWNER, template))))
    return True


def close_to_others(connection: psycopg.Connection, database: str) -> None:
    for statement in (CLOSE, OPEN):
        connection.execute(sql.SQL(statement).format(database=sql.Identifier(database)))


def script(database: str) -> str:
    """The same as text for psql, for administrators who run nothing that they have not read. Passwords are set in it."""
    quoted = f'"{database.replace(chr(34), chr(34) * 2)}"'
    literal = f"'{database.replace(chr(39), chr(39) * 2)}'"
    lines = [
        "-- Run with psql as a role with CREATEROLE and CREATEDB. Running it again changes nothing.",
        "\\set ON_ERROR_STOP on",
        ROLES.strip() + ";",
        f"SELECT 'CREATE DATABASE {quoted.replace(chr(39), chr(39) * 2)} OWNER {OWNER} TEMPLATE template0 ENCODING ''UTF8'''",
        f"WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = {literal}) \\gexec",
        CLOSE.format(database=quoted) + ";",
        OPEN.format(database=quoted) + ";",
        "-- Then give both their passwords; psql asks, and sends only a verifier:",
        *(f"-- \\password {role}" for role in LOGINS),
    ]
    return "\n".join(lines) + "\n"
