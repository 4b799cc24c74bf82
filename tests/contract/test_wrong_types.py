"""A value of a wrong type in any argument of any call is refused by an error of ours, which names the argument."""

from __future__ import annotations

import inspect
from datetime import timedelta
from typing import Any

import pytest

from tests.contract.places import Installation
from tests.contract.test_secrets_in_arguments import GIVEN, calls
from tokenry import Denied, Invalid, NotFound

pytestmark = pytest.mark.rules
OF_NO_TYPE: tuple[Any, ...] = (object(), b"\xff", 3.5, [object()], {"a": object()})
CALLED: dict[str, str] = {"external_id": "owner", "slug": "tenant", "asked": "scopes", "entries": "scopes"}
"""Arguments that errors call by the name that the HTTP API gives them."""

NOT_FOUND = ("id", "key_id", "kid", "name", "secret", "session", "refresh", "access")
"""Arguments by which something is looked up: nothing has a name of a wrong type."""

REFUSED = ("presented", "secret", "refresh", "access")
"""Credentials: whatever is presented, an application may pass on and gets a refusal."""

OR_MANY = ("keys",)
"""Lists whose items have a result each."""


def base(tk: Any, installation: Installation) -> dict[str, dict[str, Any]]:
    """Return arguments with which calls would work, by call; those of "" are for all."""
    issued, started = tk.keys.issue("ada", name="k", scopes=["read:a"]), tk.sessions.start("ada")
    now = installation.clock.now()
    return {
        "": GIVEN | {"id": issued.key.id, "key_id": issued.key.id, "presented": issued.secret, "secret": issued.secret},
        "sessions.get": {"id": started.session.id},
        "sessions.revoke": {"id": started.session.id},
        "sessions.refresh": {"refresh": started.refresh},
        "sessions.revoke_by_token": {"refresh": started.refresh},
        "keys.find": {"secret": issued.secret},
        "keys.purge": {"expired_before": now},
        "keys.revoke_where": {"owner": "ada"},
        "owners.hand_over": {"external_id": "ada", "to": "bob"},
        "audit.cut": {"before": now - timedelta(days=1)},
        "signing_keys.remove": {"kid": tk.signing_keys.list()[0].kid},
    }


def outcome(call: Any, name: str, arguments: dict[str, Any]) -> str:
    """Return what is wrong with the answer to an argument of a wrong type; nothing when it is as promised."""
    try:
        answer = call(**arguments)
        if hasattr(answer, "__next__"):
            answer = next(answer, None)
        if getattr(answer, "code", "") in ("malformed", "access_invalid") and name in REFUSED:
            return ""
        if name in OR_MANY and all(isinstance(one, Invalid) for one in answer):
            return ""
        return f"is taken: {answer!r:.80}"
    except Invalid as error:
        fields = {one.field.partition(".")[0].partition("[")[0] for one in error.errors}
        return "" if fields & {name, CALLED.get(name)} else f"is called {fields}"
    except (NotFound, Denied) as error:
        return "" if name in (NOT_FOUND if isinstance(error, NotFound) else REFUSED) else f"is {error!r}"
    except Exception as error:
        return f"raises {error!r:.120}"


def test_an_argument_of_a_wrong_type_is_refused_by_its_name(installation: Installation, tk: Any) -> None:
    tk.tenants.create("acme")
    tk.owners.put("ada")
    tk.roles.put("reader", scopes=["read:a"])
    given, found, count = base(tk, installation), [], 0
    for where, call, signature in calls(tk):
        needed = {name: one for name, one in signature.parameters.items() if name != "self"}
        common = {
            name: given[""][name]
            for name, one in needed.items()
            if one.default is inspect.Parameter.empty and name not in given.get(where, {})
        }
        for name in needed:
            own = {} if (where, name) == ("keys.find", "kid") else given.get(where, {})
            for value in OF_NO_TYPE:
                count += 1
                wrong = outcome(call, name, {**common, **own, name: value})
                if wrong:
                    found.append(f"{where}({name}={value!r:.20}) {wrong}")
    assert found == []
    assert count > 1000
