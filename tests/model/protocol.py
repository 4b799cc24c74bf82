"""The fence of `runtime/fence.py` as a machine of small steps, for one process that remembers one key.

Two calls change something. The first one ends the key: it is watched. The other one, the rival, changes something else
again and again, and in the meantime marks nodes and prunes turns. Everything that a real system can do is a step: a
request is sent, executed and answered, each of these may never happen, a connection breaks, a process or the server
dies, and time passes. A caller or a process that stops for a while is one that takes no step.

Where the machine is simpler than the program, it can do more, so that no mistake is hidden:

- There is one process. A change waits for each process by itself, and prunes only what all of them have applied.
- A node that its process has left is not there. The real row stays for a while, and changes wait for it in vain.
- A node that has been marked for a lease can be removed at any time, by a call of somebody else.
- Time is counted in ticks, of which a lease has one or two. A tick passes for everybody at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

BEFORE, OPEN, COMMITTED, WAITING, RETURNED, DEAD = range(6)
"""Where a call is."""
ABSENT, THERE, MARKED = range(3)
"""What a node is."""
OUT, JOINING, INSERTED, IN = range(4)
"""Where a process is that joins."""
IDLE, HEARING, HEARD, SAYING = range(4)
"""What its connection does."""
NOTHING, SENT, FOUND = range(3)
"""Where a lookup of the key is."""
ENDS, RIVALS = 1, 2
"""The turns of the two calls, as bits."""
UNKNOWN = 4
"""What a process hears whose node is marked or absent."""


class State(NamedTuple):
    """One moment."""

    call: int = BEFORE
    waited: int = 0
    rival: int = BEFORE
    rival_waited: int = 0
    turns: int = 0
    pruning: int = 0
    """Turns of which a statement has seen that they can go."""
    node: int = ABSENT
    confirmed: int = 0
    marked_for: int = 0
    late: int = -1
    """What is said by a request whose connection has broken meanwhile."""
    joined: int = OUT
    link: int = IDLE
    asked_for: int = 0
    """How long ago the process has asked."""
    heard: int = 0
    known: int = 0
    lease: int = 0
    remembered: int = 0
    lookup: int = NOTHING
    fresh: int = 0
    """Whether nothing was dropped since the lookup was sent."""
    checked: int = 0
    """Whether a verification that began after the call had returned has found the lease good."""
    child_lease: int = 0
    child_remembered: int = 0
    flag: int = 0
    first: int = 0
    """Which turn got the lower number."""
    stale: int = 0


def is_stale(s: State) -> bool:
    """Tell whether a verification that began after the key's end had been told can be answered `valid`."""
    trusted = s.lease or s.checked or s.flag
    held = (trusted and s.remembered) or (s.child_lease and s.child_remembered)
    return bool(s.stale or (s.call == RETURNED and held))


class Protocol:
    """The steps. `own` is the call that the remembering process makes itself; `mistake` is what is done wrong."""

    def __init__(self, own: str = "", mistake: str = "", lease: int = 1) -> None:
        self.own = own
        self.mistake = mistake
        self.lease = lease

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        """Yield every state that can come next."""
        for part in (self._time, self._call, self._rival, self._others, self._server, self._joining, self._link):
            yield from part(s)
        for part in (self._end, self._verifying, self._special):
            yield from part(s)

    def _time(self, s: State) -> Iterator[tuple[str, State]]:
        counts = (OPEN, COMMITTED, WAITING) if self.mistake == "wait from the insert" else (WAITING,)
        after = s._replace(
            waited=min(self.lease, s.waited + (s.call in counts)),
            rival_waited=min(self.lease, s.rival_waited + (s.rival in counts)),
            marked_for=min(self.lease, s.marked_for + (s.node == MARKED)),
            asked_for=min(self.lease, s.asked_for + (s.link in (HEARING, HEARD))),
            lease=max(0, s.lease - 1),
            child_lease=max(0, s.child_lease - 1),
        )
        yield "a tick", after

    def _call(self, s: State) -> Iterator[tuple[str, State]]:
        r = s._replace
        if s.call == BEFORE:
            yield "the call inserts its turn", r(call=OPEN, first=s.first or ENDS) if self._numbers else r(call=OPEN)
        elif s.call == OPEN:
            yield "the call commits", r(call=COMMITTED, turns=s.turns | ENDS)
        elif s.call == COMMITTED:
            dropped = r(remembered=0, fresh=0) if self.own == "call" and self.mistake != "own node, own memory" else s
            if self.mistake == "wait from the insert":
                yield "the call begins to wait", dropped._replace(call=WAITING)
            else:
                yield "the call begins to wait", dropped._replace(call=WAITING, waited=0)
        elif s.call == WAITING:
            lags = self._lags(s, ENDS, self.own == "call")
            if not lags or self.mistake == "no wait":
                yield "the call returns", r(call=RETURNED, waited=0)
            elif s.waited == self.lease:
                yield "the call has waited long enough", self._evicted(s)._replace(call=RETURNED, waited=0)
                yield "the call has waited long enough, and evicts nobody", r(call=RETURNED, waited=0)

    def _rival(self, s: State) -> Iterator[tuple[str, State]]:
        r = s._replace
        if s.rival in (BEFORE, RETURNED):
            rest = {name: getattr(s, name) & ~RIVALS for name in ("turns", "pruning", "confirmed", "known")}
            if s.heard != UNKNOWN:
                rest["heard"] = s.heard & ~RIVALS
            if s.late >= 0:
                rest["late"] = s.late & ~RIVALS
            opened = r(rival=OPEN, rival_waited=0, **rest)
            yield "the rival inserts its turn", opened._replace(first=s.first or RIVALS) if self._numbers else opened
        elif s.rival == OPEN:
            waiting = {} if self.mistake == "wait from the insert" else {"rival_waited": 0}
            yield "the rival commits and waits", r(rival=WAITING, turns=s.turns | RIVALS, **waiting)
        elif s.rival == WAITING:
            if not self._lags(s, RIVALS, self.own == "rival"):
                yield "the rival returns", r(rival=RETURNED, rival_waited=0)
            elif s.rival_waited == self.lease:
                yield "the rival has waited long enough", self._evicted(s)._replace(rival=RETURNED, rival_waited=0)

    def _lags(self, s: State, turn: int, is_own: bool) -> bool:
        """Tell whether a call has to wait. A turn that is gone was applied by every node."""
        return bool(not is_own and s.node != ABSENT and s.turns & turn & ~s.confirmed)

    def _evicted(self, s: State) -> State:
        if self.mistake == "remove at once":
            return s._replace(node=ABSENT, confirmed=0, late=-1)
        return s._replace(node=MARKED) if s.node == THERE else s

    def _others(self, s: State) -> Iterator[tuple[str, State]]:
        """Let other calls do what they may: remove what has been marked for a lease, and prune."""
        r = s._replace
        if s.node == MARKED and (s.marked_for == self.lease or self.mistake == "remove what was marked just now"):
            yield "somebody removes the node", r(node=ABSENT, confirmed=0, late=-1, marked_for=0)
        if s.pruning:
            yield "somebody has pruned", r(turns=s.turns & ~s.pruning, pruning=0)
            return
        can_go = s.turns & (s.confirmed if s.node != ABSENT else ENDS | RIVALS)
        if self.mistake == "prune by time":
            can_go |= (s.turns & ENDS) * (s.call == RETURNED) | (s.turns & RIVALS) * (s.rival == RETURNED)
        if can_go:
            yield "somebody begins to prune", r(pruning=can_go)

    def _server(self, s: State) -> Iterator[tuple[str, State]]:
        """Restart the server. It forgets what did not wait for the disk: what was said, and what was pruned."""
        committed = ENDS * (s.call in (COMMITTED, WAITING, RETURNED)) | RIVALS * (s.rival in (WAITING, RETURNED))
        again = s._replace(link=IDLE, heard=0, asked_for=0, pruning=0, late=-1, confirmed=0, turns=s.turns | committed)
        if s.joined in (JOINING, INSERTED):
            again = again._replace(joined=OUT, node=ABSENT, marked_for=0)
        yield "the server restarts", again
        if self.mistake == "join without the disk":
            yield "the server restarts and forgets the node", again._replace(node=ABSENT, marked_for=0)
        if self.mistake == "mark without the disk" and s.node == MARKED:
            yield "the server restarts and forgets the mark", again._replace(node=THERE)
        if self.mistake == "change without the disk" and s.call == RETURNED:
            yield "the server restarts and forgets the end", again._replace(stale=1)

    def _joining(self, s: State) -> Iterator[tuple[str, State]]:
        r = s._replace
        if s.joined == OUT:
            yield "join sent", r(joined=JOINING)
            return
        if s.joined == JOINING:
            yield "join executed", r(joined=INSERTED, node=THERE, confirmed=0, marked_for=0, late=-1)
        elif s.joined == INSERTED:
            cleared = s if self.mistake == "no clear after joining" else r(remembered=0, fresh=0)
            yield "joined", cleared._replace(joined=IN, known=0)
        if s.joined in (JOINING, INSERTED):
            yield "join lost", r(joined=OUT, node=ABSENT, confirmed=0, marked_for=0)

    def _link(self, s: State) -> Iterator[tuple[str, State]]:
        if s.joined != IN:
            return
        r = s._replace
        if s.link == IDLE:
            yield "hear sent", r(link=HEARING, asked_for=0)
            if s.known & ~s.confirmed:
                yield "say sent", r(link=SAYING)
        elif s.link == HEARING:
            yield "hear executed", self._listened(s)
        elif s.link == HEARD:
            yield from self._after_hearing(s)
        elif s.link == SAYING:
            yield "say executed", self._say(s, s.known)._replace(link=IDLE)
        if s.link != IDLE:
            broken = r(link=IDLE, heard=0, asked_for=0)
            yield "the connection breaks", broken
            if s.link == SAYING:
                yield "the connection breaks, and what was said is on its way", broken._replace(late=s.known)
        if s.late >= 0:
            yield "what was said before arrives", self._say(s, s.late)._replace(late=-1)

    def _listened(self, s: State) -> State:
        if s.node != THERE:
            return s._replace(link=HEARD, heard=UNKNOWN)
        heard = s.turns
        if self._numbers and s.known & ~s.first:  # the higher number is known: the lower one is no news
            heard &= ~(s.first & ~s.known)
        confirmed = s.confirmed | heard if self.mistake == "say what is heard" else s.confirmed
        return s._replace(link=HEARD, heard=heard, confirmed=confirmed)

    def _after_hearing(self, s: State) -> Iterator[tuple[str, State]]:
        if s.heard == UNKNOWN:
            lost = s._replace(joined=OUT, node=ABSENT, confirmed=0, marked_for=0, late=-1, lease=0, known=0)
            yield "the node is lost", lost._replace(link=IDLE, heard=0, asked_for=0)
            return
        if self.mistake == "say before applying" and s.heard & ~s.confirmed:
            yield "say executed, nothing applied yet", self._say(s, s.heard)
        lease = max(s.lease, self.lease if self.mistake == "lease from the answer" else self.lease - s.asked_for)
        heard = s._replace(link=IDLE, heard=0, asked_for=0, lease=lease, known=s.heard)
        if s.heard & ENDS & ~s.known:
            fresh = s.fresh if self.mistake == "remember in spite of a drop" else 0
            heard = heard._replace(remembered=0, fresh=fresh)
        yield "what was heard is applied", heard

    @staticmethod
    def _say(s: State, turns: int) -> State:
        return s if s.node == ABSENT else s._replace(confirmed=turns)

    def _end(self, s: State) -> Iterator[tuple[str, State]]:
        """End the process: with or without a word, and let another one begin in its place."""
        call = DEAD if self.own == "call" and s.call in (OPEN, COMMITTED, WAITING) else s.call
        new = s._replace(
            joined=OUT, link=IDLE, asked_for=0, heard=0, known=0, lease=0, remembered=0, lookup=NOTHING, fresh=0
        )
        new = new._replace(node=ABSENT, confirmed=0, marked_for=0, late=-1, checked=0, flag=0, call=call)
        if s.joined == IN:
            yield "the process ends", new
        if s.joined == IN and s.link == IDLE:
            lease = s.lease if self.mistake == "leave with a lease" else 0
            left = s._replace(joined=OUT, known=0, lease=lease, node=ABSENT, confirmed=0, marked_for=0, late=-1)
            yield "the process leaves", left

    def _verifying(self, s: State) -> Iterator[tuple[str, State]]:
        r = s._replace
        if s.lookup == NOTHING:
            yield "lookup sent", r(lookup=SENT, fresh=1)
        elif s.lookup == SENT:
            found = s.call in (BEFORE, OPEN)
            yield "lookup executed", r(lookup=FOUND if found else NOTHING, fresh=s.fresh if found else 0)
        else:
            yield "lookup remembered", r(lookup=NOTHING, fresh=0, remembered=s.remembered | s.fresh)
        if s.call == RETURNED and s.lease and not s.checked:
            yield "a verification finds a lease", r(checked=1)
        if s.checked:
            yield "the verification ends", r(checked=0)

    def _special(self, s: State) -> Iterator[tuple[str, State]]:
        """Do what the program does not do at all."""
        if self.mistake == "fork keeps the lease" and s.lease and not s.child_lease:
            yield "fork", s._replace(child_lease=s.lease, child_remembered=s.remembered)
        if self.mistake == "a timer sets a flag" and s.flag != (s.lease > 0):
            yield "the timer", s._replace(flag=int(s.lease > 0))

    @property
    def _numbers(self) -> bool:
        return self.mistake == "highest number"
