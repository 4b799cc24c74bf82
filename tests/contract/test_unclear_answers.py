"""What is unclear lets nobody in: questions that ask for nothing, and hosts that answer with something unknown."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import ConfigError, Invalid

NOTHING: list[Any] = [{}, 0, False, 0.0, set(), frozenset(), b"", bytearray(), range(0), "", [[]], [()], ["a", []]]
NOTHING += [{"any": ["b", []]}, {"all": [[]]}, {"any": [{"all": [[]]}]}]


@pytest.mark.rules
@pytest.mark.parametrize("asked", NOTHING, ids=repr)
def test_a_question_that_asks_for_nothing_is_invalid(tk: Any, issue: Issue, asked: Any) -> None:
    issued = issue(scopes=["a"])
    for _ in range(2):
        with pytest.raises(Invalid) as refused:
            tk.verify(issued.secret, scopes=asked)
        assert [error.field for error in refused.value.errors] == ["scopes"]


@pytest.mark.rules
@pytest.mark.parametrize("asked", [None, [], ()], ids=repr)
def test_only_none_and_an_empty_list_ask_for_no_scope(tk: Any, issue: Issue, asked: Any) -> None:
    assert tk.verify(issue().secret, scopes=asked)


async def waits(external_id: str, tenant: str) -> None: ...


async def streams(external_id: str, tenant: str) -> Any:
    yield None


class Waits:
    async def __call__(self, external_id: str, tenant: str) -> None: ...


@pytest.mark.rules
@pytest.mark.parametrize(
    "load",
    [waits, streams, Waits(), functools.partial(waits), None, "text"],
    ids=["coroutine", "generator", "object", "partial", "nothing", "text"],
)
def test_an_owner_loader_that_waits_is_refused(tk: Any, issue: Issue, load: Any) -> None:
    issued = issue()
    with pytest.raises(ConfigError):
        tk.owner_loader(load)
    assert tk.verify(issued.secret)


@pytest.mark.rules
@pytest.mark.parametrize(
    "answer", [lambda: waits("ada", "default"), lambda: 1, lambda: 0, lambda: "", lambda: "yes", list, object]
)
def test_an_answer_about_an_owner_that_is_not_understood_lets_nobody_in(tk: Any, issue: Issue, answer: Any) -> None:
    issued = issue()
    tk.owner_loader(lambda external_id, tenant: answer())
    with pytest.raises(ConfigError):
        tk.verify(issued.secret)
    with pytest.raises(ConfigError):
        tk.keys.issue("unknown here", name="k")
    assert [owner.external_id for owner in tk.owners.list()] == ["ada"]


@pytest.mark.rules
@pytest.mark.parametrize(("answer", "code"), [(True, "valid"), ({"name": "A"}, "valid"), (False, "owner_disabled")])
def test_a_host_answers_with_a_mapping_true_or_false(tk: Any, issue: Issue, answer: Any, code: str) -> None:
    issued = issue()
    tk.owner_loader(lambda external_id, tenant: answer)
    assert tk.verify(issued.secret).code == code
