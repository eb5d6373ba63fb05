"""Django's PostgreSQL backend with sessions that a web process shares."""
