"""Whatever happens in whatever order, nobody misses an event without being told.

Hypothesis drives the real consumer, hub and log on a real PostgreSQL, and steps the hub by hand.
What each client heard is held against the log itself.
"""

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar
from unittest import mock

import psycopg
import pytest
from django.db import transaction
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.errors import FlakyStrategyDefinition
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from realtime import consumers, fanout, log, stream, waiting
from realtime.channel_names import GLOBAL, agent_channel
from realtime.consumers import NativeConsumer
from realtime.deliveries import is_tracked
from realtime.fanout import RESYNC, Hub
from realtime.models import Acknowledged, EventHead, LoggedEvent
from realtime.publish import Addressed, append
from realtime.services import ClientEvent
from realtime.sockets import SLOW, OpenSockets
from tests.conftest import delete_rows

EXAMPLES, STEPS = 15, 30
TRIES = 2
TAIL_EVENTS = 20
PATIENCE_SECONDS = 15
AGENT = "a"
TOPIC = "topics/task.created"
CHANNELS = (GLOBAL, TOPIC, agent_channel(AGENT))
EVENTS = ("task.created", "message.new", "system.info")

events = st.tuples(st.sampled_from(EVENTS), st.lists(st.sampled_from(CHANNELS), min_size=1))
which = st.integers(0, 1_000)
T = TypeVar("T")


class SteppedHub(Hub):
    """A hub that reads when it is told to."""

    async def open(self) -> None:
        self.link = await psycopg.AsyncConnection.connect(fanout._address(), autocommit=True)
        await self._read(self.link)

    async def step(self) -> None:
        await self._read(self.link)


@dataclass
class Segment:
    """A channel that a client took. begin: it hears what comes after; waited: and these before."""

    channel: str
    begin: int
    first_frame: int
    waited: list[int] = field(default_factory=list)


class Client:
    """The other end of a consumer: takes its frames while it reads."""

    def __init__(self, query: str, *, short_way: bool) -> None:
        self.frames: list[dict[str, Any]] = []
        self.texts: dict[tuple[str, str], str] = {}
        self.segments: dict[str, Segment] = {}
        self.agent_id: str | None = None
        self.resumes_after: int | None = None
        self.close_code: int | None = None
        self.reading = asyncio.Event()
        self.reading.set()
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._numbers = itertools.count()
        self.consumer = NativeConsumer()
        state = {"write_frame": self.write_frame} if short_way else {}
        scope = {"type": "websocket", "query_string": query.encode(), "state": state}
        self.task = asyncio.ensure_future(self.consumer(scope, self._inbox.get, self.send))
        self.say({"type": "websocket.connect"})

    @property
    def is_open(self) -> bool:
        return not self.task.done() and self.close_code is None

    def say(self, message: dict[str, Any]) -> None:
        self._inbox.put_nowait(message)

    async def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to this request; all before it has been answered, too."""
        number = next(self._numbers)
        self.say({"type": "websocket.receive", "text": json.dumps({"id": number, **request})})
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                for frame in self.frames:
                    if frame.get("id") == number:
                        return frame
                if not self.is_open:
                    return {}
                await asyncio.sleep(0)

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close":
            self.close_code = message["code"]
            return
        await self.reading.wait()
        if message["type"] == "websocket.send":
            self._take(message["text"])

    def write_frame(self, data: bytes) -> bool:
        if not self.reading.is_set() or not self.is_open:
            return False
        while data:
            assert data[0] == 0x81
            begin, length = 2, data[1]
            if length == 126:
                begin, length = 4, int.from_bytes(data[2:4])
            self._take(data[begin : begin + length].decode())
            data = data[begin + length :]
        return True

    def _take(self, text: str) -> None:
        frame = json.loads(text)
        if frame["type"] == "event":
            first = self.texts.setdefault((frame["id"], frame["channel"]), text)
            assert first == text, "a duplicate differs"
        self.frames.append(frame)

    def heard(self, segment: Segment) -> list[int]:
        """Numbers of the events of this segment, each once."""
        mine = [
            (int(frame["id"].rpartition("_")[2]), frame["event"])
            for frame in self.frames[segment.first_frame :]
            if frame["type"] == "event" and frame["channel"] == segment.channel
        ]
        once = [seq for seq, event in mine if not is_tracked(event)]
        assert len(once) == len(set(once)), "sent again without need"
        return list(dict.fromkeys(seq for seq, _ in mine))

    async def end(self, *, politely: bool) -> None:
        self.reading.set()
        if politely:
            self.say({"type": "websocket.disconnect", "code": 1000})
        else:
            self.task.cancel()
        await asyncio.wait([self.task], timeout=PATIENCE_SECONDS)


class EventLogMachine(RuleBasedStateMachine):
    """One server process, its clients, and what others do to the log."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.patches = contextlib.ExitStack()
        self.clients: list[Client] = []
        self.log: dict[int, tuple[list[str], str]] = {}  # also what has been pruned
        self.pruned = 0
        self.acknowledged: dict[str, set[int]] = {}
        self.sent: dict[str, set[int]] = {}  # on the agent's own channel

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    @initialize()
    def begin(self) -> None:
        delete_rows()
        self.known = EventHead.objects.get().seq
        self.pruned = self.known
        self.patches.enter_context(mock.patch.object(log, "MOST_EVENTS", TAIL_EVENTS))
        self.start_process()

    def start_process(self) -> None:
        self.patches.enter_context(_process(hub := SteppedHub()))
        self.hub = hub
        self.run(hub.open())

    def teardown(self) -> None:
        for client in self.clients:
            self.run(client.end(politely=True))
        if hasattr(self, "hub"):
            self.run(self.hub.link.close())
        self.patches.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.run(asyncio.sleep(0))
        self.loop.close()

    # --- what happens to the log ------------------------------------------------------------

    @rule(said=st.lists(events, min_size=1, max_size=8), is_read=st.booleans())
    def commit(self, said: list[tuple[str, list[str]]], is_read: bool) -> None:
        with transaction.atomic():
            _append(said)
        if is_read:
            self.step()

    @rule(said=st.lists(events, min_size=1, max_size=3))
    def roll_back(self, said: list[tuple[str, list[str]]]) -> None:
        with transaction.atomic():
            _append(said)
            transaction.set_rollback(True)

    @rule()
    def commit_many(self) -> None:
        with transaction.atomic():
            _append([("task.created", [GLOBAL, agent_channel(AGENT)])] * (TAIL_EVENTS + 5))

    @rule(keep=st.integers(0, 30))
    def prune(self, keep: int) -> None:
        self.read_log()
        self.pruned = max(self.pruned, self.known - keep)
        LoggedEvent.objects.filter(seq__lte=self.pruned).delete()

    @precondition(lambda self: len(self.log) > 30)
    @rule(number=st.integers(0, 2**40))
    def rotate_epoch(self, number: int) -> None:
        EventHead.objects.update(epoch=f"{number:012x}")
        self.acknowledged.clear()
        self.step()

    @rule()
    def step(self) -> None:
        """The hub reads what there is; without this rule in between it is late."""
        self.run(self.hub.step())
        self.run(self.settle())
        for client in self.clients:
            if client.close_code is not None:
                assert client.close_code in (RESYNC, SLOW)

    @rule()
    def restart(self) -> None:
        for client in self.clients:
            self.run(client.end(politely=False))
        self.run(self.hub.link.close())
        self.start_process()

    # --- what clients do --------------------------------------------------------------------

    def open_clients(self) -> list[Client]:
        return [each for each in self.clients if each.is_open and each.reading.is_set()]

    def client(self, number: int) -> Client:
        mine = self.open_clients()
        return mine[number % len(mine)]

    @rule(short_way=st.booleans(), is_known=st.booleans())
    def connect(self, short_way: bool, is_known: bool) -> None:
        client = self.come("", short_way)
        if is_known:
            self.sign_in(client)

    @rule(short_way=st.booleans(), number=which)
    def connect_again(self, short_way: bool, number: int) -> None:
        """Where another one is, which may be long gone."""
        ids = [
            frame["id"]
            for client in self.clients
            for frame in client.frames
            if frame["type"] == "event"
        ]
        event_id = ids[-1 - number % min(len(ids), 8)] if ids else "msg_0_0"
        client = self.come(f"last_event_id={event_id}", short_way)
        after = int(event_id.rpartition("_")[2])
        greeting = client.frames[0]
        same_epoch = event_id.startswith(f"msg_{self.hub.epoch}_")
        if greeting["recovered"]:
            assert same_epoch
            client.resumes_after = after
            client.segments[GLOBAL].begin = after
        else:
            assert not same_epoch or after < self.pruned

    def come(self, query: str, short_way: bool) -> Client:
        client = self.run(self._come(query, short_way))
        self.clients.append(client)
        self.note_channels(client, first_frame=0)
        return client

    async def _come(self, query: str, short_way: bool) -> Client:
        client = Client(query, short_way=short_way)
        await client.ask(type="ping")
        return client

    @precondition(lambda self: self.open_clients())
    @rule(number=which)
    def authenticate(self, number: int) -> None:
        self.sign_in(self.client(number))

    def sign_in(self, client: Client) -> None:
        client.agent_id = AGENT
        self.take(client, type="auth", agent_id=AGENT)

    @precondition(lambda self: self.open_clients())
    @rule(number=which)
    def subscribe(self, number: int) -> None:
        self.take(self.client(number), type="subscribe", channel=TOPIC)

    @precondition(lambda self: self.open_clients())
    @rule(number=which, channel=st.sampled_from([TOPIC, GLOBAL]))
    def unsubscribe(self, number: int, channel: str) -> None:
        self.take(self.client(number), type="unsubscribe", channel=channel)

    def take(self, client: Client, **request: Any) -> None:
        frames = len(client.frames)
        self.run(client.ask(**request))
        self.run(client.ask(type="ping"))
        self.note_channels(client, frames)

    def note_channels(self, client: Client, first_frame: int) -> None:
        self.read_log()
        before, now = client.segments.keys(), client.consumer.channels
        for channel in before - now:
            del client.segments[channel]
        for channel in now - before:
            segment = Segment(channel, self.hub.position, first_frame)
            if client.resumes_after is not None:
                segment.begin = client.resumes_after
            elif client.agent_id and channel == agent_channel(client.agent_id):
                segment.waited = self.waiting_for(client.agent_id)
            client.segments[channel] = segment

    def waiting_for(self, agent_id: str) -> list[int]:
        has = self.acknowledged.get(agent_id, set())
        return [
            seq
            for seq, (channels, event) in self.log.items()
            if self.pruned < seq <= self.hub.position
            and agent_channel(agent_id) in channels
            and is_tracked(event)
            and seq not in has
        ]

    @precondition(lambda self: self.open_clients())
    @rule(number=which, some=st.integers(1, 4))
    def acknowledge(self, number: int, some: int) -> None:
        client = self.client(number)
        for frame in [one for one in client.frames if one["type"] == "event"][::some]:
            self.run(client.ask(type="ping"))
            text = json.dumps({"type": "ack", "message_id": frame["id"]})
            client.say({"type": "websocket.receive", "text": text})
            seq, own = int(frame["id"].rpartition("_")[2]), client.agent_id
            # What was heard in another way than as the agent's own does not count as its.
            if own and seq in self.sent_to(client) and is_tracked(frame["event"]):
                self.acknowledged.setdefault(own, set()).add(seq)
        self.run(client.ask(type="ping"))

    def sent_to(self, client: Client) -> set[int]:
        own = agent_channel(client.agent_id or "")
        return set(client.heard(client.segments[own])) if own in client.segments else set()

    @precondition(lambda self: self.open_clients())
    @rule(number=which, seq=st.integers(0, 2**70))
    def acknowledge_what_never_was(self, number: int, seq: int) -> None:
        client = self.client(number)
        ack = {"type": "ack", "message_id": f"msg_{self.hub.epoch}_{10**9 + seq}"}
        client.say({"type": "websocket.receive", "text": json.dumps(ack)})
        self.run(client.ask(type="ping"))

    @precondition(lambda self: self.open_clients())
    @rule(number=which)
    def time_passes(self, number: int) -> None:
        """So that what was not acknowledged is sent again."""
        client = self.client(number)
        self.run(self._resend(client))

    async def _resend(self, client: Client) -> None:
        client.consumer.resend(time.monotonic() + 6)
        await client.ask(type="ping")

    @precondition(lambda self: self.open_clients())
    @rule(number=which)
    def stop_reading(self, number: int) -> None:
        self.client(number).reading.clear()

    @rule()
    def read_on(self) -> None:
        for client in self.clients:
            client.reading.set()
        self.run(self.settle())

    @precondition(lambda self: self.open_clients())
    @rule(number=which, politely=st.booleans())
    def leave(self, number: int, politely: bool) -> None:
        self.run(self.client(number).end(politely=politely))

    async def settle(self) -> None:
        """Until everybody who reads has what the hub has."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while any(self._is_busy(client) for client in self.clients):
                await asyncio.sleep(0)

    def _is_busy(self, client: Client) -> bool:
        if client.close_code is not None:
            return not client.task.done()
        ending = client.consumer._ended and not client.task.done()
        behind = client.is_open and client.consumer._cursor.is_behind
        return ending or (behind and client.reading.is_set())

    # --- what must be so --------------------------------------------------------------------

    def read_log(self) -> None:
        rows = LoggedEvent.objects.filter(seq__gt=self.known).order_by("seq")
        for row in rows:
            assert row.seq == self.known + 1
            self.log[row.seq] = (row.channels, row.type)
            self.known = row.seq

    @invariant()
    def nobody_missed_anything(self) -> None:
        if not hasattr(self, "hub"):
            return
        self.read_log()
        for client in self.clients:
            for segment in client.segments.values():
                self._check(client, segment)
            if client.task.done():
                client.segments.clear()  # it hears no more

    def _check(self, client: Client, segment: Segment) -> None:
        due = segment.waited + [
            seq
            for seq, (channels, _) in self.log.items()
            if segment.begin < seq <= self.hub.position and segment.channel in channels
        ]
        heard = client.heard(segment)
        if client in self.open_clients():
            assert heard == due
        else:
            assert heard == due[: len(heard)]

    @invariant()
    def nothing_counts_as_acknowledged_that_was_not(self) -> None:
        epoch = EventHead.objects.get().epoch
        for row in Acknowledged.objects.filter(epoch=epoch):
            assert set(row.beyond) <= self.acknowledged.get(row.agent_id, set())


def _append(said: list[tuple[str, list[str]]]) -> None:
    append([Addressed(ClientEvent(name=name, payload={}), to) for name, to in said])


@contextlib.contextmanager
def _process(hub: Hub) -> Iterator[None]:
    """The modules' own hub and sockets, as a server process of its own would have them."""
    noted = waiting.Acknowledgements()
    with contextlib.ExitStack() as stack:
        for module in (consumers, stream, waiting):
            stack.enter_context(mock.patch.object(module, "hub", hub))
        for module in (consumers, stream):
            stack.enter_context(mock.patch.object(module, "acknowledgements", noted))
        stack.enter_context(mock.patch.object(consumers, "sockets", OpenSockets()))
        yield


def test_nobody_misses_an_event_without_being_told(database: None) -> None:
    limits = settings(max_examples=EXAMPLES, stateful_step_count=STEPS)
    for _ in range(TRIES):
        try:
            run_state_machine_as_test(EventLogMachine, settings=limits)
        except Exception as error:
            if not _is_inconclusive(error):
                raise
        else:
            return


@pytest.mark.parametrize("short_way", [True, False])
def test_nothing_is_told_after_a_gap(database: None, short_way: bool) -> None:
    """The client would go on from there when it comes back."""
    machine = EventLogMachine()
    machine.begin()
    try:
        machine.connect(is_known=False, short_way=short_way)
        machine.commit(said=[("system.info", [GLOBAL])], is_read=False)
        machine.prune(keep=0)
        machine.commit(said=[("system.info", [GLOBAL])], is_read=True)

        machine.nobody_missed_anything()
        (client,) = machine.clients
        assert client.close_code == RESYNC
    finally:
        machine.teardown()


def _is_inconclusive(error: BaseException) -> bool:
    """Whether only the way there could not be repeated, which says nothing about events.

    What a step may do depends on how long others took, so on a busy machine the same beginning can
    go on differently.
    """
    if isinstance(error, BaseExceptionGroup):
        return all(_is_inconclusive(each) for each in error.exceptions)
    return isinstance(error, FlakyStrategyDefinition)
