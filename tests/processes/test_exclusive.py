"""Who may use one SQLite file: many processes by default, or one that asked to be alone."""

from pathlib import Path

import pytest

from tests.processes.crew import Crew, Failed, together
from tests.processes.places import Place
from tokenry import ConfigError


def test_a_second_process_is_refused_where_one_is_alone_and_is_told_what_to_do(file_place: Place, crew: Crew) -> None:
    file_place.open(exclusive=True)
    with pytest.raises(Failed, match=r"ConfigError: .*another process is alone on it; .*--server.*share the file"):
        file_place.members(1)
    with pytest.raises(Failed, match="ConfigError"):
        file_place.members(1, exclusive=True)


def test_a_process_cannot_be_alone_where_others_are(file_place: Place) -> None:
    file_place.members(1)
    with pytest.raises(ConfigError, match=r"others use it; .*share the file"):
        file_place.open(exclusive=True)


@pytest.mark.parametrize("how", ["close", "kill"])
def test_the_place_is_free_again_when_a_process_has_ended_however_it_did(file_place: Place, how: str) -> None:
    (member,) = file_place.members(1, exclusive=True)
    member.kill() if how == "kill" else member.ask("close")
    tk = file_place.open(exclusive=True)
    tk.owners.put("u")
    assert tk.verify(tk.keys.issue(owner="u", name="k").secret)


def test_processes_share_a_file_by_default(file_place: Place) -> None:
    tk = file_place.open()
    tk.owners.put("u")
    for number, member in enumerate(file_place.members(2)):
        _, secret = member.ask("call", "keys", "issue", owner="u", name=f"k{number}")
        assert tk.verify(secret)


@pytest.mark.parametrize("trial", range(3))
def test_processes_that_start_at_once_on_a_new_file_agree_on_one_keyring(
    file_place: Place, crew: Crew, trial: int
) -> None:
    everybody = crew.members(4, "sqlite://")
    together(everybody, "open", file_place.url)
    everybody[0].ask("call", "owners", "put", "u")
    secrets = [member.ask("call", "keys", "issue", owner="u", name=f"k{n}")[1] for n, member in enumerate(everybody)]
    for secret in secrets:
        assert together(everybody, "verify", secret) == ["valid"] * 4
    made = sorted(path.name for path in Path(file_place.directory).iterdir())
    assert [name for name in made if ".keyring" in name and not name.endswith((".heads", ".journal"))] == [
        "keys.db.keyring"
    ]
    assert len((file_place.directory / "keys.db.keyring").read_text().split("\n")) == 3  # header, one generation


def test_processes_that_start_at_once_on_a_new_postgres_database_all_work(postgres_place: Place, crew: Crew) -> None:
    everybody = postgres_place.members(4)
    everybody[0].ask("call", "owners", "put", "u")
    secrets = [member.ask("call", "keys", "issue", owner="u", name=f"k{n}")[1] for n, member in enumerate(everybody)]
    for secret in secrets:
        assert together(everybody, "verify", secret) == ["valid"] * 4
