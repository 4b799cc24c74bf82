"""An open installation is examined: what is as it should be, what to look at, and what to repair."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.conftest import Issue
from tests.contract.places import Installation
from tokenry import NotAllowed
from tokenry.types import OPERATOR_SCOPES, Diagnosis, NestedCall

ALWAYS = {"form", "database", "revision", "keyring", "operator key", "audit sealing", "audit log", "signed keys"}


def found(tk: Any) -> dict[str, Diagnosis]:
    return {one.check: one for one in tk.doctor.examine()}


def test_an_installation_is_examined(tk: Any, issue: Issue) -> None:
    issue()
    result = found(tk)
    assert {*ALWAYS, "clock", "revocation journal"} <= set(result)
    assert [one for one in result.values() if one.status == "failed"] == []
    assert result["signed keys"].message.endswith(": 1")
    assert result["operator key"].command == "tokenry init"


@pytest.mark.lasting
def test_a_changed_row_is_found_with_what_to_do(tk: Any, issue: Issue, installation: Installation) -> None:
    issue()
    installation.sql("UPDATE tokenry_key SET allowed_ips = '[\"192.0.2.1\"]'")
    result = [one for one in tk.doctor.examine() if one.status == "failed"]
    assert [one.check for one in result] == ["signed keys", "signed keys"]
    assert "differ in allowed_ips" in result[0].message
    assert result[1].step.startswith("Revoke these keys")


def test_an_examination_is_for_operators_of_the_installation(tk: Any, acme: str) -> None:
    tk.owners.put("root", admin=True)
    for tenant in ("acme", "system"):
        tk.owners.put("operator", tenant=tenant)
    read, every = ["tokenry:audit:read"], sorted(OPERATOR_SCOPES)
    keys = {
        (tenant, name): tk.keys.issue("operator", name=name, scopes=scopes, environment="op", tenant=tenant)
        for tenant in ("acme", "system")
        for name, scopes in (("reads", read), ("all", every), ("others", [one for one in every if one not in read]))
    }
    for by in (
        "root",
        *(tk.verify(one.secret, environment="op") for (tenant, name), one in keys.items() if tenant == "acme"),
    ):
        with pytest.raises(NotAllowed, match="operators of the installation"):
            tk.doctor.examine(by=by)
    with pytest.raises(NotAllowed, match="tokenry:audit:read"):
        tk.doctor.examine(by=tk.verify(keys["system", "others"].secret, environment="op"))
    for name in ("reads", "all"):
        assert tk.doctor.examine(by=tk.verify(keys["system", name].secret, environment="op"))


def test_no_examination_runs_inside_of_a_transaction_of_the_host(installation: Installation) -> None:
    tk = installation.open()
    with (
        installation.connection() as connection,
        tk.using(connection) as joined,
        pytest.raises(NestedCall, match="outside of using"),
    ):
        joined.doctor.examine()
