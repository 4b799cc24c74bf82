"""The TypeScript client knows every operation of the management API."""

from tokenry.api.reference.hot_routes import described as with_hot
from tokenry.api.reference.openapi import document
from web.typescript import FILE, written


def test_the_client_in_typescript_has_every_operation_as_it_is() -> None:
    found = written(with_hot(document(), operations=True))
    assert FILE.read_text() == found, "the operations changed: run `make types` and commit web/client/operations.ts"
