"""The fence on PostgreSQL: changes leave turns, and processes say which turns they have applied.

`runtime/fence.py` uses these statements in the order that the protocol asks for. Each is a transaction of its own.
"""

from __future__ import annotations

import select
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from secrets import randbits
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, text

from tokenry.core.turns import Heard

from .failures import translated

STATEMENT_SECONDS = 1.0
"""How long one statement may take: a third of a lease."""
_ID_BITS = 62
_TURN = text("INSERT INTO tokenry_turn (id, kids) VALUES (:id, CAST(:kids AS text[]))")
_TURNS = text("""
    SELECT id FROM tokenry_turn
    WHERE kids IS NULL OR CAST(:kids AS text[]) IS NULL OR kids && CAST(:kids AS text[])""")
_JOIN = text("""
    WITH safe AS (SELECT CASE current_setting('synchronous_commit') WHEN 'off'
        THEN set_config('synchronous_commit', 'on', true) END)
    INSERT INTO tokenry_node (id) SELECT CAST(:node AS bigint) FROM safe""")
_LEAVE = text("DELETE FROM tokenry_node WHERE id = :node")
_HEAR = text("""
    SELECT turn.id, CASE WHEN turn.id <> ALL (CAST(:known AS bigint[])) THEN turn.kids END,
        CAST(extract(epoch FROM pg_postmaster_start_time()) AS text), (SELECT count(*) FROM tokenry_node)
    FROM tokenry_node AS node LEFT JOIN tokenry_turn AS turn ON true
    WHERE node.id = :node AND NOT node.gone AND NOT pg_is_in_recovery()""")
_SAY = text("""
    WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))
    UPDATE tokenry_node SET applied = CAST(:turns AS bigint[]) FROM quick WHERE id = :node""")
_LAGGING = text("""
    SELECT node.id, node.gone FROM tokenry_node AS node WHERE node.id <> :own AND EXISTS (
        SELECT FROM tokenry_turn AS turn
        WHERE turn.id = ANY (CAST(:turns AS bigint[])) AND turn.id <> ALL (node.applied))""")
_REMOVE = text("DELETE FROM tokenry_node WHERE gone AND id = ANY (CAST(:nodes AS bigint[]))")
_MARK = text("""
    WITH safe AS (SELECT CASE current_setting('synchronous_commit') WHEN 'off'
        THEN set_config('synchronous_commit', 'on', true) END)
    UPDATE tokenry_node AS node SET gone = true FROM safe WHERE node.id = ANY (CAST(:nodes AS bigint[])) AND EXISTS (
        SELECT FROM tokenry_turn AS turn
        WHERE turn.id = ANY (CAST(:turns AS bigint[])) AND turn.id <> ALL (node.applied))""")
_PRUNE = text("""
    WITH quick AS (SELECT set_config('synchronous_commit', 'off', true))
    DELETE FROM tokenry_turn AS turn USING quick
    WHERE NOT EXISTS (SELECT FROM tokenry_node AS node WHERE turn.id <> ALL (node.applied))""")
_LISTEN = text("LISTEN tokenry_turn")
_NODES = text("SELECT count(*), count(*) FILTER (WHERE gone) FROM tokenry_node")
_HINT = text("SELECT pg_notify('tokenry_turn', '')")
_DURABLE = text("""
    SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'""")


def write_turn(connection: Connection, kids: tuple[str, ...] | None) -> int:
    """Leave a turn in a transaction. Its id is random: ids of sequences become visible in another order."""
    id = randbits(_ID_BITS)
    connection.execute(_TURN, {"id": id, "kids": None if kids is None else list(kids)})
    return id


def read_turns(connection: Connection, kids: tuple[str, ...] | None) -> tuple[int, ...]:
    """Return the turns that concern some secrets, or everybody's."""
    rows = connection.execute(_TURNS, {"kids": None if kids is None else list(kids)})
    return tuple([row[0] for row in rows])


def make_durable(connection: Connection) -> None:
    """Let the commit of a transaction wait for the disk, also where a host has switched that off."""
    connection.execute(_DURABLE)


class FenceStore:
    """The statements. `limited` is entered around each of them, so that none of them takes too long."""

    def __init__(self, engine: Callable[[], Engine], limited: Callable[[], AbstractContextManager[object]]) -> None:
        self._engine = engine
        self._limited = limited

    def lagging(self, turns: Sequence[int], own: int) -> dict[int, bool]:
        """Return the nodes but `own` that lack a turn, and whether each was marked as gone."""
        return {row[0]: row[1] for row in self._ask(_LAGGING, turns=list(turns), own=own)}

    def hint(self) -> None:
        """Tell all processes to hear now. Within the change itself it would let all commits wait for each other."""
        self._ask(_HINT)

    def evict(self, turns: Sequence[int], marked: Sequence[int], late: Sequence[int]) -> None:
        """Remove nodes that were marked before, and mark those that still lack a turn.

        Marks wait for the disk: a caller that has seen one must not remove a node that a crash has unmarked since.
        """
        self._ask(_REMOVE, nodes=list(marked))
        self._ask(_MARK, nodes=list(late), turns=list(turns))

    def prune(self) -> None:
        """Remove the turns that every node has applied."""
        self._ask(_PRUNE)

    def nodes(self) -> tuple[int, int]:
        """Return how many processes take part, and how many of them were marked as gone."""
        [(count, gone)] = self._ask(_NODES)
        return count, gone

    def link(self) -> Link:
        """Open a connection that a process keeps for itself, outside of any pool."""
        with translated(), self._limited():
            return Link(self._connect(), self._limited)

    def _ask(self, statement: TextClause, **values: Any) -> Sequence[Any]:
        with translated(), self._limited(), self._connect() as connection:
            return _rows(connection, statement, values)

    def _connect(self) -> Connection:
        return self._engine().connect().execution_options(isolation_level="AUTOCOMMIT")


class Link:
    """The connection on which a process hears of turns and says what it has applied."""

    def __init__(self, connection: Connection, limited: Callable[[], AbstractContextManager[object]]) -> None:
        self._connection = connection
        self._limited = limited
        self._driver: Any = connection.connection.driver_connection
        connection.detach()
        self._hinted = False
        on_hint = getattr(self._driver, "add_notify_handler", None)  # psycopg has it: other drivers look once a second
        self._hears_hints = on_hint is not None
        if on_hint is not None:
            on_hint(self._hint)  # also those that come along with an answer

    def listen(self) -> None:
        """Hear of hints from now on."""
        if self._hears_hints:
            self._ask(_LISTEN)

    def join(self) -> int:
        """Insert a node, and wait for the disk: the trust of a process must not outlive its row."""
        node = randbits(_ID_BITS)
        self._ask(_JOIN, node=node)
        return node

    def hear(self, node: int, known: frozenset[int]) -> Heard | None:
        """Return the news for a node; None if the node was marked as gone, or this server is a standby."""
        self._hinted = False
        rows = self._ask(_HEAR, node=node, known=list(known))
        if not rows:
            return None
        turns = {row[0]: row[1] for row in rows if row[0] is not None}
        news = {id: kids for id, kids in turns.items() if id not in known}
        return Heard(frozenset(turns), news, rows[0][2], rows[0][3])

    def say(self, node: int, turns: frozenset[int]) -> None:
        """Say which turns the process has applied."""
        self._ask(_SAY, node=node, turns=list(turns))

    def leave(self, node: int) -> None:
        """Remove the node."""
        self._ask(_LEAVE, node=node)

    def wait(self, seconds: float, wakes: int) -> None:
        """Wait for a hint, for some time, or until the file `wakes` can be read."""
        if self._hinted:
            return
        poll = select.poll()
        poll.register(wakes, select.POLLIN)
        if self._hears_hints:
            poll.register(self._driver.fileno(), select.POLLIN)
        if poll.poll(seconds * 1000) and self._hears_hints:
            self._driver.pgconn.consume_input()
            while self._driver.pgconn.notifies():
                pass

    def _hint(self, _: object) -> None:
        self._hinted = True

    def close(self) -> None:
        """Close the connection."""
        with suppress(Exception):  # it may be broken
            self._connection.close()
        with suppress(Exception):
            self._driver.close()

    def _ask(self, statement: TextClause, **values: Any) -> Sequence[Any]:
        with translated(), self._limited():
            return _rows(self._connection, statement, values)


def _rows(connection: Connection, statement: TextClause, values: dict[str, Any]) -> Sequence[Any]:
    result = connection.execute(statement, values)
    return result.all() if result.returns_rows else ()
