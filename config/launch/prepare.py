"""bin/prepare-database: the roles and the database on a PostgreSQL server of one's own. Safe to repeat."""

import sys
from urllib.parse import unquote, urlsplit

import psycopg

from config.launch import roles, servers
from config.launch.children import Trouble

WITHOUT = """-- DATABASE_ADMIN_URL is not set, so nothing was done. Set it to have this done, or run it yourself:
"""


def main() -> int:
    """With DATABASE_ADMIN_URL do it; without, print it as SQL."""
    try:
        database = _database()
        if not servers.address("DATABASE_ADMIN_URL"):
            print(WITHOUT + roles.script(database), end="")
            return 0
        passwords = {role: _password(name, role) for name, role in WHO.items()}
        with servers.connect("DATABASE_ADMIN_URL") as connection:
            said = prepare(connection, database, passwords)
        print("\n".join(said))
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1
    return 0


WHO = {"DATABASE_URL": roles.APP, "DATABASE_OWNER_URL": roles.OWNER}


def prepare(connection: psycopg.Connection, database: str, passwords: dict[str, str]) -> list[str]:
    """Make roles and database, set passwords that are given; returns what was done. Raises `Trouble`."""
    owner = roles.owner_of(connection, database)
    if owner not in ("", roles.OWNER):
        raise Trouble(
            f"The database {database} belongs to {owner}. Name another one in DATABASE_URL, or give this one away:"
            f' ALTER DATABASE "{database}" OWNER TO {roles.OWNER}.'
        )
    try:
        roles.make(connection)
        for role, password in passwords.items():
            if password:
                roles.set_password(connection, role, password)
        made = roles.create_database(connection, database)
        connection.execute(f"SET ROLE {roles.OWNER}")
        roles.close_to_others(connection, database)
    except psycopg.Error as error:
        said = str(error).split("\n")[0]
        raise Trouble(f"DATABASE_ADMIN_URL may not do this: {said}. It needs CREATEROLE and CREATEDB.") from None
    return [
        f"The roles {roles.OWNER}, {roles.APP} and {roles.CROSS} are there.",
        *(f"{role} has the password that its address names." for role, password in passwords.items() if password),
        f"The database {database} {'was made' if made else 'was there already'}. Next: bin/manage migrate.",
    ]


def _database() -> str:
    return unquote(urlsplit(servers.address("DATABASE_URL")).path.lstrip("/")) or "holdpoint"


def _password(name: str, role: str) -> str:
    """The password in the address `name`, which has to be that of `role`."""
    parts = urlsplit(servers.address(name))
    if parts.username not in (None, role):
        raise Trouble(f"{name} signs in as {parts.username}; it has to be {role}.")
    return unquote(parts.password or "")


if __name__ == "__main__":
    sys.exit(main())
