"""A child of a process that remembers on PostgreSQL trusts nothing at first, and is then waited for like any other."""

from tests.processes.places import Place
from tests.processes.test_fork import run


def test_a_child_trusts_nothing_that_it_inherited_and_is_followed_once_it_has_joined(postgres_place: Place) -> None:
    run(
        postgres_place,
        """
from tests.servers.waiting import until
tk = Tokenry(url, keyring=keyring)
tk.owners.put("u")
keys = [tk.keys.issue(owner="u", name=f"k{n}") for n in range(20)]
for key in keys: assert tk.verify(key.secret)
until(tk._memory.is_trusted)
for key in keys: assert tk.verify(key.secret)
to_child, from_child = os.pipe(), os.pipe()

def child():
    assert not tk._memory.is_trusted()
    assert len(tk._memory) == 0
    assert tk.verify(keys[0].secret)
    until(tk._memory.is_trusted)
    for key in keys: assert tk.verify(key.secret)
    assert len(tk._memory) == len(keys)
    os.write(from_child[1], b".")
    for key in keys:
        os.read(to_child[0], 1)
        assert tk.verify(key.secret).code == "revoked"
        os.write(from_child[1], b".")
    tk.close()

pid = fork(child)
os.read(from_child[0], 1)
for key in keys:
    tk.keys.revoke(key.key.id)
    os.write(to_child[1], b".")
    os.read(from_child[0], 1)
ended_well(pid)
with tk._database.read() as rows:
    assert rows.core.exec_driver_sql("SELECT count(*) FROM tokenry_node").scalar_one() == 1  # the child has left
tk.close()
""",
    )
