"""Alembic's entry point. `gateway.store.database.migrate` calls it with a connection whose transaction is open.

That transaction has foreign keys off (they cannot be switched inside one) and is committed by the caller after
its foreign_key_check, so that a run which dies leaves the old schema whole.
"""

from alembic import context

from gateway.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by rebuilding it
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
