"""The asynchronous face, driven as if it were the synchronous one, so that one test runs for both."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tokenry.async_groups import AsyncGroups, _Group
from tokenry.types import AsyncHeldCredits


class Driven:
    """An object whose awaitable answers are waited for on one event loop. What it gets of its own kind it unwraps."""

    def __init__(self, thing: Any, runner: asyncio.Runner) -> None:
        self.thing = thing
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.thing, name)
        if isinstance(value, (AsyncGroups, _Group)):
            return Driven(value, self._runner)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            return self._settled(value, [raw(arg) for arg in args], {name: raw(arg) for name, arg in kwargs.items()})

        return call

    def __enter__(self) -> Driven:
        return Driven(self.wait(self.thing.__aenter__()), self._runner)

    def __exit__(self, *error: object) -> None:
        self.wait(self.thing.__aexit__(*error))

    def wait(self, awaitable: Any) -> Any:
        """Run the loop until an awaitable has its answer."""

        async def answer() -> Any:
            return await awaitable

        return self._runner.run(answer())

    def _settled(self, call: Any, args: list[Any], kwargs: dict[str, Any]) -> Any:
        async def answered() -> Any:  # the call itself may need the running loop
            answer = call(*args, **kwargs)
            if hasattr(answer, "__aiter__"):
                return [item async for item in answer]
            return await answer if inspect.isawaitable(answer) and not hasattr(answer, "__aenter__") else answer

        answer = self._runner.run(answered())
        if isinstance(answer, (AsyncGroups, AsyncHeldCredits)):
            return Driven(answer, self._runner)
        return self._entered(answer) if hasattr(answer, "__aenter__") else answer

    @contextmanager
    def _entered(self, manager: Any) -> Iterator[Driven]:
        thing = self.wait(manager.__aenter__())
        try:
            yield Driven(thing, self._runner)
        except BaseException as error:
            if not self.wait(manager.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            self.wait(manager.__aexit__(None, None, None))


def raw(value: Any) -> Any:
    """Return what a driven object drives, or the value itself."""
    return value.thing if isinstance(value, Driven) else value
