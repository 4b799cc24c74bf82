"""The search texts of lists: those of owners and keys without case and accents, alike on SQLite and PostgreSQL."""

import sqlalchemy as sa
from alembic import op

from tokenry.core.fields import searchable

revision = "0004"
down_revision = "0003"

BATCH = 1000
TEXTS = {"tokenry_owner": ("external_id", "name", "email"), "tokenry_key": ("name", "description")}


def upgrade() -> None:
    for table, texts in TEXTS.items():
        op.add_column(table, sa.Column("search", sa.Text(), server_default="", nullable=False))
        _fill(op.get_bind(), table, texts)


def downgrade() -> None:
    for table in TEXTS:
        op.drop_column(table, "search")


def _fill(connection: sa.Connection, name: str, texts: tuple[str, ...]) -> None:
    """Fill the column: for plain ASCII in one statement, for everything else row by row."""
    table = sa.table(name, *map(sa.column, ("tenant_id", "id", "search", *texts)))
    newline, ascii_lower = "char(10)", "lower({})"
    if connection.dialect.name == "postgresql":
        newline, ascii_lower = "chr(10)", 'lower(({}) COLLATE "C")'
    whole = f" || {newline} || ".join(f"coalesce({text}, '')" for text in texts)
    connection.execute(sa.text(f"UPDATE {name} SET search = {ascii_lower.format(whole)}"))  # noqa: S608 constants
    size = sa.func.length(sa.cast(table.c.search, sa.LargeBinary))
    if connection.dialect.name == "postgresql":
        size = sa.func.octet_length(table.c.search)
    rows = sa.select(table).where(size != sa.func.length(table.c.search)).order_by(table.c.tenant_id, table.c.id)
    statement = (
        sa.update(table)
        .where(table.c.tenant_id == sa.bindparam("of"), table.c.id == sa.bindparam("row"))
        .values(search=sa.bindparam("found"))
    )
    after: tuple[str, str] | None = None
    while True:
        query = rows if after is None else rows.where(sa.tuple_(table.c.tenant_id, table.c.id) > after)
        found = connection.execute(query.limit(BATCH)).all()
        if not found:
            return
        changes = [
            {"of": row.tenant_id, "row": row.id, "found": searchable(*(getattr(row, text) or "" for text in texts))}
            for row in found
        ]
        connection.execute(statement, changes)
        after = (found[-1].tenant_id, found[-1].id)
