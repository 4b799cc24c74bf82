"""Address lists: from where a key may be used."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest

from tests.contract.conftest import Issue
from tokenry import Invalid

LISTS: list[tuple[str, str | None, bool]] = [
    ("10.0.0.0/8", "10.255.255.255", True),
    ("10.0.0.0/8", "11.0.0.0", False),
    ("203.0.113.7", "203.0.113.7", True),
    ("203.0.113.7", "203.0.113.8", False),
    ("10.0.0.0/8", "::ffff:10.1.2.3", True),
    ("10.0.0.0/8", "::ffff:0a01:0203", True),
    ("::ffff:10.0.0.0/104", "10.1.2.3", True),
    ("::ffff:10.1.2.3", "10.1.2.3", True),
    ("2001:db8::/32", "2001:0DB8:0000::1", True),
    ("2001:DB8:0:0::0/64", "2001:db8::ffff", True),
    ("2001:db8::1", "2001:db8:0:0:0:0:0:1", True),
    ("2001:db8::/32", "2001:db9::1", False),
    ("::/0", "10.0.0.1", False),
    ("0.0.0.0/0", "2001:db8::1", False),
    ("0.0.0.0/0", "255.255.255.255", True),
    ("fe80::/10", "fe80::1%eth0", True),
    ("10.0.0.1", None, False),
    ("0.0.0.0/0", None, False),
]
BAD_ENTRIES: list[Any] = ["10.0.0.1/8", "2001:db8::1/32", "fe80::1%eth0", "10.0.0", "010.0.0.1", "localhost", ""]
BAD_ENTRIES += ["10.0.0.0/33", "1/2/3", "10.0.0.0/255.0.0.0", None, 7]


def test_a_list_lets_only_its_addresses_in(tk: Any, issue: Issue) -> None:
    for allowed, ip, in_list in LISTS:
        issued = issue(allowed_ips=[allowed])
        for _ in ("looked up", "remembered"):
            assert tk.verify(issued.secret, ip=ip).code == ("valid" if in_list else "ip_not_allowed"), (allowed, ip)


def test_without_a_list_every_address_and_none_is_fine(tk: Any, issue: Issue) -> None:
    issued = issue()
    for ip in (None, "10.0.0.1", "2001:db8::1", ip_address("10.0.0.1")):
        assert tk.verify(issued.secret, ip=ip)


def test_a_list_is_kept_in_canonical_form_each_entry_once(issue: Issue) -> None:
    entries = ["2001:0DB8:0:0::1", " 10.0.0.0/8", "::ffff:10.0.0.0/104", "2001:db8::1", "::ffff:192.0.2.1"]
    assert issue(allowed_ips=entries).key.allowed_ips == ("2001:db8::1", "10.0.0.0/8", "192.0.2.1")


def test_a_bad_entry_is_refused_by_name_and_nothing_is_stored(tk: Any, issue: Issue) -> None:
    for entry in BAD_ENTRIES:
        with pytest.raises(Invalid) as refused:
            issue(allowed_ips=["10.0.0.1", entry])
        [error] = refused.value.errors
        assert (error.field, error.code) == ("allowed_ips", "bad_address")
        assert repr(entry) in error.message
    assert len(tk.keys.list()) == 0


def test_one_text_is_not_a_list(issue: Issue) -> None:
    with pytest.raises(Invalid):
        issue(allowed_ips="10.0.0.1")


def test_an_empty_list_removes_the_restriction(tk: Any, issue: Issue) -> None:
    issued = issue(allowed_ips=["10.0.0.1"])
    assert tk.verify(issued.secret).code == "ip_not_allowed"
    assert tk.keys.update(issued.key.id, allowed_ips=[]).allowed_ips == ()
    assert tk.verify(issued.secret)


def test_a_narrowed_list_counts_at_once(tk: Any, issue: Issue) -> None:
    issued = issue(allowed_ips=["10.0.0.0/8"])
    assert tk.verify(issued.secret, ip="10.0.0.1")
    tk.keys.update(issued.key.id, allowed_ips=["10.0.0.2"])
    assert tk.verify(issued.secret, ip="10.0.0.1").code == "ip_not_allowed"
