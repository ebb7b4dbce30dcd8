"""Run by Alembic: applies revisions on the connection it was handed."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=context.config.attributes.get("target_metadata"),
    transactional_ddl=False,  # the caller's transaction is the only one
)
context.run_migrations()
