"""What dcm-hook does while the server is away, and after."""

import json
import os
import socket
import stat
import subprocess
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dcm_client.spool import Spool
from tests.client.hooks import (
    PROGRAM,
    Hook,
    answering,
    hang,
    http,
    nowhere,
    prompt,
    reset,
    strange_server,
    tool_call,
)
from tests.conftest import Api


async def actions(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await api.get("/api/actions?session_id=run-1")).json()["actions"]
    return found


@pytest.mark.parametrize(
    "reply",
    [
        http("500 Internal Server Error", '{"error": "no"}'),
        http("503 Service Unavailable", '{"error": "busy"}'),
        http("401 Unauthorized", '{"error": "key"}'),
        http("404 Not Found", "404 Not Found", "text/plain"),
        http("200 OK", "<html>Welcome to the hotel</html>", "text/html"),
        http("200 OK", "[]"),
        http("302 Found", ""),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2_000_000,
    ],
)
async def test_an_event_that_was_not_taken_waits(lonely_hook: Hook, reply: bytes) -> None:
    with strange_server(answering(reply)) as lonely_hook.url:
        output = lonely_hook(tool_call())

    assert output == ""
    assert lonely_hook.waiting() == [tool_call()]


async def test_a_connection_that_is_reset_is_no_matter(lonely_hook: Hook) -> None:
    with strange_server(reset) as lonely_hook.url:
        lonely_hook(tool_call())

    assert lonely_hook.waiting() == [tool_call()]


@pytest.mark.parametrize("url", ["", "nonsense", "http://", "ftp://a", "http://a b", "http://[::1"])
async def test_an_address_that_is_none_is_no_matter(lonely_hook: Hook, url: str) -> None:
    lonely_hook.url = url
    lonely_hook.more = {"CONTEXT_MANAGER_URL": url or nowhere()}

    lonely_hook(tool_call())

    assert lonely_hook.waiting() == [tool_call()]


async def test_a_server_that_hangs_costs_a_second_at_most(lonely_hook: Hook) -> None:
    lonely_hook.more = {"DCM_HOOK_TIMEOUT": "1"}

    with strange_server(hang) as lonely_hook.url:
        lonely_hook(tool_call())

    # The rest is what starting a process takes here.
    assert lonely_hook.seconds < 2.5
    assert lonely_hook.waiting() == [tool_call()]


async def test_after_a_server_that_hangs_the_next_hooks_do_not_try(lonely_hook: Hook) -> None:
    lonely_hook.more = {"DCM_HOOK_TIMEOUT": "1"}
    tried = []

    def count_and_hang(connection: socket.socket) -> None:
        tried.append(connection)
        hang(connection)

    with strange_server(count_and_hang) as lonely_hook.url:
        for number in range(3):
            lonely_hook(tool_call(number))

    assert len(tried) == 1
    assert lonely_hook.waiting() == [tool_call(number) for number in range(3)]


async def test_a_stdin_that_nobody_closes_costs_a_second_at_most(lonely_hook: Hook) -> None:
    environment = lonely_hook.environment() | {"DCM_HOOK_TIMEOUT": "0.3"}

    with subprocess.Popen([PROGRAM], stdin=subprocess.PIPE, env=environment) as running:
        assert running.wait(5) == 0


async def test_an_event_that_is_refused_for_good_does_not_wait(lonely_hook: Hook) -> None:
    with strange_server(answering(http("400 Bad Request", '{"error": "bad"}'))) as lonely_hook.url:
        lonely_hook(tool_call())

    assert lonely_hook.waiting() == []


async def test_only_its_user_can_read_the_spool(lonely_hook: Hook) -> None:
    lonely_hook(tool_call())

    assert stat.S_IMODE(lonely_hook.spool.stat().st_mode) == 0o700
    for file in lonely_hook.spool.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_what_waits_says_when_it_happened_and_that_nobody_waits_for_the_reply(
    lonely_hook: Hook,
) -> None:
    lonely_hook(tool_call(1))
    lonely_hook(tool_call(2, timestamp="2026-01-02T03:04:05Z"))

    first, second = lonely_hook.lines()

    assert first["dcm_hook"]["spooled"] is True
    told = datetime.fromisoformat(first["timestamp"])
    assert abs((datetime.now(UTC) - told).total_seconds()) < 60
    assert second["timestamp"] == "2026-01-02T03:04:05Z"


async def test_no_secret_waits_in_the_spool(lonely_hook: Hook) -> None:
    lonely_hook(tool_call(tool_input={"command": "export API_KEY=abcdef"}))

    (event,) = lonely_hook.waiting()
    assert event["tool_input"] == {"command": "export API_KEY=[redacted:key]"}


async def test_what_waited_is_sent_in_order_before_the_next_event(
    api: Api, hook: Hook, lonely_hook: Hook
) -> None:
    lonely_hook(prompt("First"))
    lonely_hook(tool_call())
    lonely_hook(prompt("") | {"hook_event_name": "Stop"})

    hook(prompt("Second"))

    requests = (await api.get("/api/requests?session_id=run-1")).json()["requests"]
    told = [(each["prompt"], each["status"]) for each in requests]
    assert told == [("Second", "active"), ("First", "completed")]
    assert len(await actions(api)) == 1
    assert hook.waiting() == []


async def test_an_event_without_an_id_that_is_sent_twice_is_one(
    api: Api, hook: Hook, lonely_hook: Hook
) -> None:
    lonely_hook(prompt("Once"))
    lonely_hook({name: value for name, value in tool_call().items() if name != "tool_use_id"})
    (day,) = hook.spool.glob("*.jsonl")
    day.write_bytes(day.read_bytes() * 2)

    hook(b"", "--flush")

    requests = (await api.get("/api/requests?session_id=run-1")).json()["requests"]
    assert (len(requests), len(await actions(api))) == (1, 1)


async def test_hundreds_of_events_after_an_outage_are_as_many_actions(api: Api, hook: Hook) -> None:
    spool = Spool(str(hook.spool))
    for number in range(300):
        spool.append(json.dumps(tool_call(number)).encode())

    flushing = [threading.Thread(target=hook, args=(b"", "--flush")) for _ in range(3)]
    for each in flushing:
        each.start()
    for each in flushing:
        each.join()
    hook(b"", "--flush")

    assert (await api.get("/api/sessions/run-1")).json()["total_tools_used"] == 300
    assert hook.waiting() == []


async def test_hooks_that_run_at_once_lose_nothing(lonely_hook: Hook) -> None:
    running = [
        threading.Thread(target=lonely_hook, args=(tool_call(number),)) for number in range(10)
    ]
    for each in running:
        each.start()
    for each in running:
        each.join()

    ids = [event["tool_use_id"] for event in lonely_hook.waiting()]
    assert sorted(ids) == sorted(f"toolu_{number}" for number in range(10))


async def test_an_outage_in_the_middle_of_the_replay_loses_nothing(
    api: Api, hook: Hook, lonely_hook: Hook
) -> None:
    taken = []

    def take_two(connection: socket.socket) -> None:
        taken.append(connection)
        ok = http("200 OK", "{}") if len(taken) <= 2 else http("500 Oh", "")
        answering(ok)(connection)

    for number in range(4):
        lonely_hook(tool_call(number))
    with strange_server(take_two) as lonely_hook.url:
        lonely_hook(tool_call(4))
    hook(tool_call(5))

    ids = {each["tool_name"] for each in await actions(api)}
    assert ids == {"Bash"}
    # Two went to the other server.
    assert len(await actions(api)) == 4


async def test_lines_that_are_none_are_passed_over(api: Api, hook: Hook) -> None:
    hook.spool.mkdir()
    half, whole = b'{"hook_event_name": "PostTo', json.dumps(tool_call()).encode()
    (hook.spool / "2026-01-01.jsonl").write_bytes(half + b"\n\n\0\0\n" + whole + b"\n" + half)

    hook(tool_call(2))

    assert len(await actions(api)) == 2
    assert hook.waiting() == []


def test_half_a_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / "9999-01-01.jsonl").write_bytes(b'{"half')
    spool, heard = Spool(str(tmp_path)), list[bytes]()

    spool.append(b'{"n":1}')
    spool.replay(heard.append)

    assert heard == [b'{"n":1}']


def test_a_clock_that_goes_back_does_not_change_the_order(tmp_path: Path) -> None:
    (tmp_path / "9999-01-01.jsonl").write_bytes(b'{"n":1}\n')
    spool, heard = Spool(str(tmp_path)), list[bytes]()

    spool.append(b'{"n":2}')
    spool.replay(heard.append)

    assert heard == [b'{"n":1}', b'{"n":2}']


def test_what_was_replayed_before_the_server_went_is_not_replayed_again(tmp_path: Path) -> None:
    spool, heard = Spool(str(tmp_path)), list[bytes]()
    for number in range(4):
        spool.append(b'{"n":%d}' % number)

    def fail_at_two(line: bytes) -> None:
        if line == b'{"n":2}' and line not in heard:
            heard.append(line)
            raise ConnectionError
        heard.append(line)

    with pytest.raises(ConnectionError):
        spool.replay(fail_at_two)
    spool.replay(fail_at_two)
    spool.append(b'{"n":4}')
    spool.replay(fail_at_two)

    assert heard == [b'{"n":%d}' % number for number in (0, 1, 2, 2, 3, 4)]


def test_the_spool_has_a_size_and_the_oldest_day_goes_first(tmp_path: Path) -> None:
    (tmp_path / "2020-01-01.jsonl").write_bytes(b'{"n":0}\n' * 5)
    spool = Spool(str(tmp_path), largest=60)

    for _ in range(20):
        spool.append(b'{"n":1}')

    (day,) = tmp_path.glob("*.jsonl")
    assert day.name != "2020-01-01.jsonl"
    assert day.stat().st_size == 56


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full device here")
async def test_a_full_disk_is_no_matter(lonely_hook: Hook) -> None:
    lonely_hook.spool.mkdir()
    for name in ("9999-01-01.jsonl", "position"):
        (lonely_hook.spool / name).symlink_to("/dev/full")

    assert lonely_hook(tool_call()) == ""


@pytest.mark.parametrize("room", [0, 1])
async def test_a_disk_that_fills_up_is_no_matter(lonely_hook: Hook, room: int) -> None:
    """room: KiB that a file may have."""
    event = json.dumps(tool_call(tool_response="x" * 5_000)).encode()

    done = subprocess.run(
        ["/bin/bash", "-c", f"ulimit -f {room}; exec {PROGRAM}"],
        input=event,
        env=lonely_hook.environment(),
        capture_output=True,
        timeout=30,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    # No half event is left in the way of the next.
    lonely_hook(tool_call(2))
    assert lonely_hook.waiting() == [tool_call(2)]


@pytest.mark.parametrize("hours", [-24, 24])
async def test_a_clock_that_jumps_does_not_keep_hooks_from_trying(
    api: Api, hook: Hook, hours: int
) -> None:
    spool = Spool(str(hook.spool))
    spool.rest()
    spool.append(json.dumps(tool_call(1)).encode())
    noted = time.time() + hours * 3600
    os.utime(hook.spool / "resting", (noted, noted))

    hook(tool_call(2))

    assert len(await actions(api)) == 2
    assert hook.waiting() == []


async def test_a_home_that_is_nowhere_is_no_matter(api: Api, hook: Hook) -> None:
    for home in ("/proc", "/nowhere", "", "relative"):
        hook.more = {"HOME": home, "DCM_SPOOL": ""}
        assert hook(tool_call(tool_use_id=f"toolu_{home}")) == ""

    assert len(await actions(api)) == 4


async def test_a_home_that_cannot_be_written_is_no_matter(api: Api, hook: Hook) -> None:
    hook.spool = Path("/proc/dcm-spool")

    assert hook(tool_call()) == ""
    assert len(await actions(api)) == 1
    hook.url = nowhere()
    assert hook(tool_call(2)) == ""


async def test_a_reader_who_went_away_is_no_matter(hook: Hook) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    event = prompt("") | {"hook_event_name": "SessionStart", "source": "compact"}

    done = subprocess.run(
        [PROGRAM],
        input=json.dumps(event).encode(),
        env=hook.environment(),
        stdout=writing,
        check=False,
    )

    os.close(writing)
    assert done.returncode == 0
