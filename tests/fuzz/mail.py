"""What mail reads from outside: addresses of owners, and the links that come back."""

from __future__ import annotations

from collections.abc import Hashable
from email.headerregistry import Address

from tests.fuzz.fuzzer import Target
from tokenry.core.keyring import Keyring, new_generation
from tokenry.core.mail import Stop, address_of, read_stop_token, stop_token

GENERATION = new_generation(bytes(range(38)), 0)
KEYRING = Keyring([GENERATION])
STOP = Stop("ten_1", "key.leaked", "0" * 64)


def check_address(data: bytes) -> Hashable:
    """An address that is taken is one address, for the library that writes the head of a mail, too."""
    text = data.decode("utf-8", "replace")
    found = address_of(text)
    if found is None:
        return None
    assert found.isascii()
    assert found.isprintable()
    assert not set(found) & set(' ,;:<>()[]"\\')
    assert str(Address(addr_spec=found)) == found
    assert address_of(found) == found
    return "taken", found.count("."), found == text


def check_link(data: bytes) -> Hashable:
    """Only what was signed here is read."""
    found = read_stop_token(KEYRING, data.decode("latin-1"))
    assert found in (None, STOP)
    return found is not None, data.count(b".")


TARGETS = {
    "mail_address": Target(check_address, [b"@", b".", b"-", b"xn--", b",", b"\r\n", "ä".encode()]),
    "mail_link": Target(check_link, [b".", b"=", GENERATION.id.encode()], made=[stop_token(GENERATION, STOP).encode()]),
}
