"""The instances of a process: told of every fork, and closed when the process ends."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import weakref
from typing import Any, Protocol

_log = logging.getLogger("tokenry")


class Instance(Protocol):
    """The notified methods. Their names are private, since users of an instance do not call them."""

    _database: Any

    def _after_fork(self) -> None: ...
    def close(self) -> None: ...


_instances: weakref.WeakSet[Instance] = weakref.WeakSet()
_forking = threading.Lock()
_resting: list[Instance] = []


def add(instance: Instance) -> None:
    """Tell an instance of forks from now on, and close it at the end."""
    _instances.add(instance)


def discard(instance: Instance) -> None:
    """Leave an instance alone."""
    _instances.discard(instance)


def _before_fork() -> None:
    _forking.acquire()
    _resting[:] = sorted(_instances, key=id)
    for instance in _resting:
        instance._database.before_fork()


def _after_fork_in_parent() -> None:
    for instance in _resting:
        instance._database.after_fork_in_parent()
    _resting.clear()
    _forking.release()


def _after_fork_in_child() -> None:
    for instance in list(_instances):
        instance._after_fork()
    _resting.clear()
    if _forking.locked():  # not by a fork outside Python, which only the children hear of
        _forking.release()


def _close_all() -> None:
    for instance in list(_instances):
        try:
            instance.close()
        except Exception as error:  # such as an engine of an event loop that has ended: the others must still close
            _log.warning("an instance was not closed, and what it counted last is lost: %s", type(error).__name__)


os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child)
atexit.register(_close_all)
