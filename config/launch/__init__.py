"""Everything on one machine: the embedded PostgreSQL and the processes around it."""
