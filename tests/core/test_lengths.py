"""Lengths of time are seconds on every face, and their names say so."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec

from tokenry import Tokenry
from tokenry.api.hot.answers import Answers
from tokenry.cli.output import document
from tokenry.core.lengths import record_of, seconds, written
from tokenry.edge import MIB
from tokenry.operations import answers
from tokenry.testing import throwaway


def test_only_a_length_changes_and_its_name_ends_in_its_unit_once() -> None:
    assert written("grace", timedelta(minutes=1)) == ("grace_seconds", 60)
    assert written("grace_seconds", timedelta(milliseconds=1500)) == ("grace_seconds", 1.5)
    assert written("name", "seconds") == ("name", "seconds")
    assert isinstance(seconds(timedelta(days=1)), int)


def lengths_of(values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if "expires_in" in name}


def test_one_tenant_has_the_same_lengths_on_every_face() -> None:
    with throwaway() as tk:
        tenant = tk.tenants.create("acme", expires_in_default=timedelta(hours=36), expires_in_max=timedelta(days=30))
        lengths = lengths_of(record_of(tenant))
        assert lengths == {"expires_in_default_seconds": 129_600, "expires_in_max_seconds": 2_592_000}
        written_by_management = msgspec.json.decode(msgspec.json.encode(answers.TENANT.write(tenant)))
        assert lengths_of(written_by_management) == lengths
        assert answers.TENANT.read(written_by_management) == tenant
        assert lengths_of(document(tenant)) == lengths
        assert lengths_of(recorded(tk)) == lengths
        tk.owners.put("ada", tenant="acme")
        verdict = tk.verify(tk.keys.issue("ada", name="k", tenant="acme").secret)
        assert lengths_of(json.loads(Answers(MIB).json(verdict))["tenant"]) == lengths


def recorded(tk: Tokenry) -> dict[str, Any]:
    """Return what the audit log says of the tenant that was created."""
    [entry] = [entry for entry in tk.audit.list(tenant="system") if entry.action == "tenant.created"]
    assert entry.after is not None
    return dict(entry.after)
