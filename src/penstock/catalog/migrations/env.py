"""Run by Alembic with the connection that `penstock.catalog.migrate` has opened; the transaction is the caller's."""

from alembic import context

from penstock.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
