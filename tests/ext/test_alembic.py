"""A host's autogenerate never wants to drop Tokenry's tables."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, MetaData, Table, create_engine
from sqlalchemy.pool import StaticPool

from tokenry import Tokenry
from tokenry.config import fresh_keyring
from tokenry.ext.alembic import include_name


def test_autogenerate_leaves_our_tables_alone_and_still_sees_the_hosts() -> None:
    engine = create_engine("sqlite://", poolclass=StaticPool)
    host = MetaData()
    Table("device", host, Column("id", Integer, primary_key=True))
    with Tokenry(engine=engine, keyring=fresh_keyring()) as tk:
        tk.migrate()
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"include_name": include_name})
            wanted = [change[0] for change in compare_metadata(context, host)]
    engine.dispose()

    assert wanted == ["add_table"]
