"""Usage of one key, of an owner and of a tenant."""

from .conftest import Shell


def test_usage_is_added_up_by_owner_and_tenant(ready: Shell) -> None:
    for owner, name in (("user-42", "a"), ("user-43", "b")):
        ready("owners", "put", owner)
        secret = ready("keys", "issue", "--owner", owner, "--name", name).out.strip()
        ready("verify", stdin=secret)
    wanted = ("--group-by", "owner", "--group-by", "code")
    groups = ready("usage", *wanted, "--json").json["groups"]
    assert sorted((one["owner"], one["code"], one["count"]) for one in groups) == [
        ("user-42", "valid", 1),
        ("user-43", "valid", 1),
    ]
    assert ready("usage", *wanted, "--owner", "user-42", "--output", "csv").out == "owner,code,count\nuser-42,valid,1\n"
    assert ready("usage", "--owner", "user-42").out.split()[-2:] == ["valid", "1"]


def test_usage_that_is_not_there_or_asked_for_wrongly(face: Shell) -> None:
    assert "no key of owner 'user-42' was presented" in face("usage", "--owner", "user-42").err
    assert face("usage", "--owner", "user-42", "--output", "csv").out == "day,code,count\n"
    assert "--group-by are for many keys" in face("usage", "key_x", "--group-by", "day", code=2).err
    assert "did you mean" in face("usage", "--group-by", "onwer", code=1).err
