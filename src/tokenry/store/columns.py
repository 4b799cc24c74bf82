"""The columns that tables are made of, and the metadata that collects the tables."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table, Text, text

PREFIX = "tokenry_"
VERSION_TABLE = "tokenry_alembic_version"

metadata = MetaData()

ident = String(64).with_variant(String(64, collation="C"), "postgresql")
serial = BigInteger().with_variant(Integer, "sqlite")


def table(name: str, *parts: Any, **options: Any) -> Table:
    return Table(PREFIX + name, metadata, *parts, **options)


def id_of(name: str, **options: Any) -> Column[str]:
    return Column(name, ident, nullable=False, **options)


def words(name: str, default: str | None = None) -> Column[str]:
    return Column(name, Text, nullable=False, server_default=default)


def at(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def at_or_null(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=True)


def count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default="0")


def partial_index(name: str, *columns: Any, where: str, unique: bool = False) -> None:
    Index(name, *columns, unique=unique, sqlite_where=text(where), postgresql_where=text(where))
