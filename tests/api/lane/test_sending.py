"""What is written in one round of the loop goes out in groups: in order, whole, and never to a lost connection."""

import asyncio
from collections.abc import Callable

import pytest

from tokenry.api.hot.sending import BUSY_MIN, TOGETHER_MAX, Outbox, Sender


class Line(asyncio.Transport):
    """A transport that tells a common log what is done with it."""

    def __init__(self, name: str, log: list[tuple[str, bytes]]) -> None:
        super().__init__()
        self.name, self.log, self.is_lost = name, log, False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.log.append((self.name, bytes(data)))

    def write_eof(self) -> None:
        self.log.append((self.name, b"<eof>"))

    def close(self) -> None:
        self.log.append((self.name, b"<closed>"))

    def abort(self) -> None:
        self.is_lost = True

    def is_closing(self) -> bool:
        return self.is_lost


class Office:
    """Some connections of one loop, and the log of what left them."""

    def __init__(self, count: int) -> None:
        self.log: list[tuple[str, bytes]] = []
        self.lines = [Line(str(number), self.log) for number in range(count)]
        outbox, loop = Outbox(), asyncio.get_running_loop()
        self.senders = [Sender(line, outbox, loop) for line in self.lines]

    async def round(self) -> list[int]:
        """Write once to each connection; return how many had gone after each write."""
        self.log.clear()
        gone = []
        for sender in self.senders:
            sender.write(b"x")
            gone.append(len(self.log))
        await asyncio.sleep(0)
        assert len(self.log) == len(self.senders)
        return gone


def of(count: int, work: Callable[[Office], object]) -> None:
    async def run() -> None:
        found = work(Office(count))
        if asyncio.iscoroutine(found):
            await found

    asyncio.run(run())


def test_where_few_are_busy_every_answer_goes_at_once() -> None:
    async def work(office: Office) -> None:
        for _ in range(3):
            assert await office.round() == list(range(1, BUSY_MIN))

    of(BUSY_MIN - 1, work)


def test_a_group_is_half_of_the_busy_connections_and_the_last_one_waits_for_nobody() -> None:
    async def work(office: Office) -> None:
        assert await office.round() == list(range(1, 43))
        assert await office.round() == [0] * 20 + [21] * 21 + [42]
        office.senders.pop()
        await office.round()
        assert (
            await office.round() == [0] * 19 + [20] * 20 + [40] * 2
        )  # and the one that is left goes when the loop does

    of(42, work)


def test_a_group_is_never_larger_than_the_first_can_wait_for() -> None:
    async def work(office: Office) -> None:
        await office.round()
        gone = await office.round()
        assert gone[TOGETHER_MAX - 2 : TOGETHER_MAX] == [0, TOGETHER_MAX]

    of(TOGETHER_MAX * 10, work)


def test_when_most_have_gone_quiet_every_answer_goes_at_once_again() -> None:
    async def work(office: Office) -> None:
        await office.round()
        await office.round()
        del office.senders[4:]
        await office.round()
        assert await office.round() == [1, 2, 3, 4]

    of(100, work)


def test_what_is_written_to_one_connection_leaves_it_in_order_and_together() -> None:
    async def work(office: Office) -> None:
        await office.round()
        office.log.clear()
        first = office.senders[0]
        first.write(b"a")
        first.write(b"b")
        assert not office.log
        first.close()
        office.senders[1].write(b"c")
        office.senders[1].write_eof()
        await asyncio.sleep(0)
        assert office.log == [("0", b"ab"), ("0", b"<closed>"), ("1", b"c"), ("1", b"<eof>")]

    of(64, work)


def test_more_than_a_connection_may_hold_back_goes_at_once() -> None:
    async def work(office: Office) -> None:
        await office.round()
        office.log.clear()
        office.senders[0].write(b"a")
        office.senders[0].write(b"b" * 70_000)
        assert [len(data) for _, data in office.log] == [70_001]

    of(64, work)


def test_a_lost_connection_costs_the_others_nothing() -> None:
    async def work(office: Office) -> None:
        await office.round()
        office.log.clear()
        for sender in office.senders[:3]:
            sender.write(b"x")
            if sender is office.senders[1]:
                sender.abort()
        await asyncio.sleep(0)
        assert [name for name, _ in office.log] == ["0", "2"]

    of(64, work)


def test_an_answer_that_cannot_be_sent_costs_the_others_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Line):
        def write(self, data: bytes | bytearray | memoryview) -> None:
            raise RuntimeError("closed")

    async def work(office: Office) -> None:
        await office.round()
        office.log.clear()
        broken = Sender(Broken("broken", office.log), office.senders[0]._outbox, asyncio.get_running_loop())
        for sender in (office.senders[0], broken, office.senders[1]):
            sender.write(b"x")
        await asyncio.sleep(0)
        assert [name for name, _ in office.log] == ["0", "1"]

    of(64, work)
    assert "could not be sent" in caplog.text


class Strict(Line):
    """A transport that refuses what asyncio's refuse."""

    is_ended = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.is_ended:
            raise RuntimeError("Cannot call write() after write_eof()")
        super().write(data)

    def write_eof(self) -> None:
        self.is_ended = True


@pytest.mark.parametrize("busy", [1, 64])
def test_nothing_is_written_to_a_connection_after_its_end(busy: int, caplog: pytest.LogCaptureFixture) -> None:
    async def work(office: Office) -> None:
        await office.round()
        office.log.clear()
        ended = Sender(Strict("ended", office.log), office.senders[0]._outbox, asyncio.get_running_loop())
        ended.write(b"refused")
        ended.write_eof()
        ended.write(b"100 Continue")
        await asyncio.sleep(0)
        assert office.log == [("ended", b"refused")]

    of(busy, work)
    assert caplog.records == []


def test_what_is_written_after_the_end_costs_the_others_nothing() -> None:
    async def work(office: Office) -> None:
        await office.round()
        office.log.clear()
        outbox, loop = office.senders[0]._outbox, asyncio.get_running_loop()
        ended = Sender(Strict("ended", office.log), outbox, loop)
        ended.write(b"refused")
        ended.write_eof()
        ended.write(b"100 Continue")
        office.senders[0].write(b"x")
        await asyncio.sleep(0)
        assert office.log == [("ended", b"refused"), ("0", b"x")]

    of(64, work)


def test_a_head_goes_out_with_its_body_or_in_the_next_turn() -> None:
    async def work(office: Office) -> None:
        [sender] = office.senders
        sender.write(b"head\r\n\r\n")
        assert office.log == []
        sender.write(memoryview(b"body"))
        assert office.log == [("0", b"head\r\n\r\nbody")]
        sender.write(b"alone\r\n\r\n")
        await asyncio.sleep(0)
        assert office.log[1:] == [("0", b"alone\r\n\r\n")]
        sender.write(b"last\r\n\r\n")
        sender.close()
        await asyncio.sleep(0)
        assert office.log[2:] == [("0", b"last\r\n\r\n"), ("0", b"<closed>")]

    of(1, work)


def test_what_follows_a_head_without_a_body_goes_out_behind_it() -> None:
    async def work(office: Office) -> None:
        [sender] = office.senders
        sender.write(b"204\r\n\r\n")
        sender.send(b"200\r\n\r\nbody")
        await asyncio.sleep(0)
        assert b"".join(data for _, data in office.log) == b"204\r\n\r\n200\r\n\r\nbody"

    of(1, work)
