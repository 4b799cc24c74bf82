"""The life of keys as a model: whatever is done in whatever order, `verify` says what the model says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.servers.postgres import Postgres
from tokenry import Conflict, Invalid, NotFound, Settings, Tokenry
from tokenry.config import fresh_keyring
from tokenry.store.checking import check_documents
from tokenry.testing import FakeClock

OWNERS = ("ada", "bob")
ROLES = {"reader": ["read"], "writer": ["write"]}
LIVES = st.sampled_from([timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), None])
SCOPES = st.lists(st.sampled_from(["read", "write", "*"]), max_size=2)
KEYRING = fresh_keyring()


@dataclass
class Model:
    """What is known of a key: the rest of the machine is the design's table, written down once more."""

    id: str
    owner: str
    scopes: list[str]
    roles: list[str]
    expires_at: datetime | None
    not_before: datetime | None = None
    disabled: bool = False
    revoked: bool = False
    deleted: bool = False
    secrets: list[tuple[str, datetime | None]] = field(default_factory=list)

    def dead(self, now: datetime) -> bool:
        return self.revoked or self.disabled or (self.expires_at is not None and now >= self.expires_at)


class Lifecycle(RuleBasedStateMachine):
    """Keys of two owners, by default on a database in memory."""

    keys = Bundle("keys")
    make_url = staticmethod(lambda: "sqlite://")

    @initialize()
    def open(self) -> None:
        self.clock = FakeClock()
        quiet = Settings(background=False, flush_interval=timedelta(hours=1), memory_entries=3)
        self.tk = Tokenry(self.make_url(), keyring=KEYRING, settings=quiet, clock=self.clock)
        self.disabled_owners: set[str] = set()
        self.suspended = False
        self.roles = dict(ROLES)
        self.models: list[Model] = []
        for owner in OWNERS:
            self.tk.owners.put(owner)
        for name, scopes in ROLES.items():
            self.tk.roles.put(name, scopes=scopes)

    def teardown(self) -> None:
        if hasattr(self, "tk"):
            assert self.tk.audit.check()
            self.tk.close()

    @rule(
        target=keys,
        owner=st.sampled_from(OWNERS),
        life=LIVES,
        scopes=SCOPES,
        roles=st.sets(st.sampled_from(sorted(ROLES))),
    )
    def issue(self, owner: str, life: timedelta | None, scopes: list[str], roles: set[str]) -> Any:
        asked = {"name": f"k{len(self.models)}", "scopes": scopes, "roles": sorted(roles), "expires_in": life}
        model = Model("", owner, scopes, sorted(roles), None if life is None else self.clock.now() + life)
        if owner in self.disabled_owners or self.suspended:
            self.refused(Conflict, self.tk.keys.issue, owner, **asked)
            model.deleted = True
        elif roles - set(self.roles):
            self.refused(Invalid, self.tk.keys.issue, owner, **asked)
            model.deleted = True
        else:
            issued = self.tk.keys.issue(owner, **asked)
            model.id, model.secrets = issued.key.id, [(str(issued.secret), None)]
        self.models.append(model)
        return model

    @rule(model=keys, life=LIVES, scopes=SCOPES)
    def update(self, model: Model, life: timedelta | None, scopes: list[str]) -> None:
        if self.gone(model, self.tk.keys.update, scopes=scopes, expires_in=life):
            return
        if model.revoked:
            self.refused(Conflict, self.tk.keys.update, model.id, scopes=scopes)
            return
        self.tk.keys.update(model.id, scopes=scopes, expires_in=life)
        model.scopes, model.expires_at = scopes, None if life is None else self.clock.now() + life

    @rule(model=keys, roles=st.sets(st.sampled_from(sorted(ROLES))), limited=st.booleans(), credited=st.booleans())
    def dress(self, model: Model, roles: set[str], limited: bool, credited: bool) -> None:
        if model.deleted or model.revoked or roles - set(self.roles):
            return
        limits = [{"name": "many", "limit": 10**9, "window_seconds": 3600}] * limited
        credits = 10**9 if credited else None
        self.tk.keys.update(model.id, roles=sorted(roles), limits=limits, credits=credits, allowed_ips=[], tags=["t"])
        model.roles = sorted(roles)

    @rule(owner=st.sampled_from(OWNERS))
    def revoke_all_of(self, owner: str) -> None:
        self.tk.keys.revoke_where(owner=owner, dry_run=False)
        for model in self.models:
            model.revoked |= model.owner == owner and not model.deleted

    @rule(model=keys, wait=st.sampled_from([None, timedelta(seconds=30)]))
    def hold_back(self, model: Model, wait: timedelta | None) -> None:
        begin = None if wait is None else self.clock.now() + wait
        if model.deleted or model.revoked or (begin and model.expires_at and begin >= model.expires_at):
            return
        self.tk.keys.update(model.id, not_before=begin)
        model.not_before = begin

    @rule(model=keys, on=st.booleans())
    def switch(self, model: Model, on: bool) -> None:
        call = self.tk.keys.enable if on else self.tk.keys.disable
        if self.gone(model, call):
            return
        if model.revoked:
            self.refused(Conflict, call, model.id)
            return
        call(model.id)
        model.disabled = not on

    @rule(model=keys, grace=st.sampled_from([timedelta(0), timedelta(seconds=20), timedelta(hours=2)]))
    def rotate(self, model: Model, grace: timedelta) -> None:
        if self.gone(model, self.tk.keys.rotate, grace=grace):
            return
        now = self.clock.now()
        if model.dead(now):
            self.refused(Conflict, self.tk.keys.rotate, model.id, grace=grace)
            return
        issued = self.tk.keys.rotate(model.id, grace=grace)
        ended = [(text, now if ends_at is None or ends_at > now else ends_at) for text, ends_at in model.secrets]
        ended[-1] = (ended[-1][0], now + grace)
        model.secrets = [*ended, (str(issued.secret), None)]

    @rule(model=keys, owner=st.sampled_from(OWNERS))
    def hand_over(self, model: Model, owner: str) -> None:
        if self.gone(model, self.tk.keys.hand_over, owner=owner):
            return
        if model.revoked or owner in self.disabled_owners or self.suspended:
            self.refused(Conflict, self.tk.keys.hand_over, model.id, owner)
            return
        self.tk.keys.hand_over(model.id, owner)
        model.owner = owner

    @rule(model=keys)
    def revoke(self, model: Model) -> None:
        if not self.gone(model, self.tk.keys.revoke):
            self.tk.keys.revoke(model.id)
            model.revoked = True

    @rule(model=consumes(keys))
    def delete(self, model: Model) -> None:
        if not self.gone(model, self.tk.keys.delete):
            self.tk.keys.delete(model.id)
            model.deleted = True

    @rule(owner=st.sampled_from(OWNERS), on=st.booleans())
    def switch_owner(self, owner: str, on: bool) -> None:
        (self.tk.owners.enable if on else self.tk.owners.disable)(owner)
        (self.disabled_owners.discard if on else self.disabled_owners.add)(owner)

    @rule(on=st.booleans())
    def switch_tenant(self, on: bool) -> None:
        (self.tk.tenants.resume if on else self.tk.tenants.suspend)("default")
        self.suspended = not on

    @rule(name=st.sampled_from(sorted(ROLES)), scopes=SCOPES)
    def define_role(self, name: str, scopes: list[str]) -> None:
        self.tk.roles.put(name, scopes=scopes)
        self.roles[name] = scopes

    @rule(name=st.sampled_from(sorted(ROLES)))
    def delete_role(self, name: str) -> None:
        if name not in self.roles:
            return
        self.tk.roles.delete(name)
        del self.roles[name]
        for model in self.models:
            model.roles = [role for role in model.roles if role != name]

    @rule(by=st.sampled_from([1, 19, 20, 60, 3600]))
    def wait(self, by: int) -> None:
        self.clock.advance(timedelta(seconds=by))

    @rule()
    def flush(self) -> None:
        self.tk.flush()

    @invariant()
    def every_secret_gets_the_verdict_of_the_model(self) -> None:
        for model in getattr(self, "models", []):
            for text, ends_at in model.secrets:
                expected = self.verdict(model, ends_at)
                assert self.tk.verify(text, scopes="read").code == expected, model
                assert self.tk.verify(text, scopes="read").code == expected, "remembered"

    @invariant()
    def the_lists_show_the_status_of_the_model(self) -> None:
        if not hasattr(self, "tk"):
            return
        shown = {key.id: key.status for key in self.tk.keys.list(limit=100)}
        assert shown == {model.id: self.status(model) for model in self.models if not model.deleted}

    @invariant()
    def rows_and_signed_documents_agree(self) -> None:
        if not hasattr(self, "tk"):
            return
        with self.tk._database.read() as rows:
            flaws = list(check_documents(rows.connection, self.tk._database.seals, None))
        assert not any(flaws), flaws
        assert len(flaws) == sum(len(model.secrets) for model in self.models if not model.deleted)

    def verdict(self, model: Model, ends_at: datetime | None) -> str:
        now = self.clock.now()
        if model.deleted:
            return "not_found"
        held = [*model.scopes, *(scope for role in model.roles for scope in self.roles.get(role, []))]
        checks = [
            ("tenant_suspended", self.suspended),
            ("revoked", model.revoked or (ends_at is not None and now >= ends_at)),
            ("disabled", model.disabled),
            ("not_yet_valid", model.not_before is not None and now < model.not_before),
            ("expired", model.expires_at is not None and now >= model.expires_at),
            ("owner_disabled", model.owner in self.disabled_owners),
            ("insufficient_scope", "read" not in held and "*" not in held),
        ]
        return next((code for code, failed in checks if failed), "valid")

    def status(self, model: Model) -> str:
        if model.revoked:
            return "revoked"
        if model.disabled:
            return "disabled"
        return "expired" if model.dead(self.clock.now()) else "active"

    def gone(self, model: Model, call: Any, **given: Any) -> bool:
        if model.deleted:
            self.refused(NotFound, call, model.id or "key_" + "0" * 22, **given)
        return model.deleted

    @staticmethod
    def refused(error: type[Exception], call: Any, *args: Any, **given: Any) -> None:
        try:
            call(*args, **given)
        except error:
            return
        raise AssertionError(f"{call} was not refused with {error.__name__}")


TestLifecycle = Lifecycle.TestCase
TestLifecycle.settings = settings(max_examples=settings().max_examples // 2, stateful_step_count=30)


def test_the_same_holds_on_postgresql(postgres_server: Postgres) -> None:
    class OnPostgres(Lifecycle):
        make_url = staticmethod(postgres_server.create_database)

    run_state_machine_as_test(OnPostgres, settings=settings(max_examples=5, stateful_step_count=25))
