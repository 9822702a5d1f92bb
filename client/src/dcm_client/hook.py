"""dcm-hook: the host's JSON on stdin becomes one POST; silent, always exits 0.

Only what the host may read goes to stdout: a reply of the server that is not {}. When the server
is away the event waits in the spool, and the next hook that reaches the server sends it first.
Standard library only, and little of it: this runs on every tool call of an agent.
"""

import _thread
import os
import sys
from collections.abc import Callable
from time import monotonic, sleep

from dcm_client.hook_event import Event, read_event, signed, spooled, to_line
from dcm_client.post import Address, NotTaken, parse_url, post
from dcm_client.spool import Spool, default_folder

ROUTE = "/api/hooks/claude-code"
DEFAULT_URL = "http://127.0.0.1:3847"
DEFAULT_TIMEOUT = 1.0
LONGEST_TIMEOUT = 600.0
STARTUP_SECONDS = 0.1  # of the time allowed, gone before this module runs
FLUSH_REQUEST_SECONDS = 10


def main() -> None:
    """Never returns: exits 0, whatever happens, and without waiting for what still runs."""
    began = monotonic()
    try:
        environment = dict(os.environ)
        arguments = sys.argv[1:]
        if arguments[:1] == ["--url"]:
            environment["DCM_URL"] = arguments[1]
            arguments = arguments[2:]
        hook = Hook(environment, began)
        if arguments == ["--flush"]:
            hook.flush()
        else:
            hook.take()
    except BaseException:  # noqa: BLE001, S110  the host never notices
        pass
    finally:
        os._exit(0)


class Hook:
    def __init__(self, environment: dict[str, str], began: float) -> None:
        self._environment = environment
        self._began = began
        self._seconds = max(0.05, _timeout(environment) - STARTUP_SECONDS)
        self._token = environment.get("DCM_TOKEN") or environment.get("DCM_API_KEY")
        self._address = _address(environment)
        self._spool = Spool(default_folder(environment))
        self._sent = 0

    def take(self) -> None:
        _thread.start_new_thread(_exit_after, (self._seconds,))
        event = read_event(0, self._environment)
        if event is None:
            return
        line = to_line(event, redacted=self._environment.get("DCM_REDACT", "").lower() != "off")
        # What was told before comes before; but a host that waits for its brief is to have it.
        is_clear = not self._spool.is_resting() and self._send_waiting()
        if not is_clear and not _is_awaited(event):
            self._spool.append(spooled(line))
            return
        took_ms = round((monotonic() - self._began) * 1000)
        try:
            reply = self._post(signed(line, took_ms=took_ms), self._at(0.8))
        except NotTaken as error:
            self._keep(line, error)
        else:
            _show(reply)

    def _keep(self, line: bytes, error: NotTaken) -> None:
        self._spool.append(spooled(line))
        if error.is_late:
            self._spool.rest()

    def flush(self) -> None:
        sent, is_clear = self.send_all()
        left = "none are left" if is_clear else "some wait for the server"
        os.write(2, f"Sent {sent} waiting events; {left}\n".encode())

    def send_all(self) -> tuple[int, bool]:
        """Send all that waits, however long it takes: how many went, and whether none is left."""
        is_clear = self._replay(lambda: monotonic() + FLUSH_REQUEST_SECONDS)
        return self._sent, is_clear

    def _send_waiting(self) -> bool:
        """Whether none are left before this one."""
        try:
            if self._spool.is_empty():
                return True
            return self._replay(lambda: self._at(0.5))
        except OSError:
            return True

    def _replay(self, deadline: Callable[[], float]) -> bool:
        def send(line: bytes) -> None:
            self._post(line, deadline())
            self._sent += 1

        try:
            self._spool.replay(send)
        except NotTaken as error:
            # Late because of the many before it is another matter.
            if error.is_late and not self._sent:
                self._spool.rest()
            return False
        return self._spool.is_empty()

    def _post(self, line: bytes, deadline: float) -> bytes | None:
        if self._address is None:
            raise NotTaken
        return post(self._address, ROUTE, line, token=self._token, deadline=deadline)

    def _at(self, share: float) -> float:
        """The moment when this share of the time is gone."""
        return self._began + self._seconds * share


def _exit_after(seconds: float) -> None:
    """For what knows no timeout: names that nobody resolves, a stdin that nobody closes."""
    sleep(seconds)
    os._exit(0)


def _is_awaited(event: Event) -> bool:
    return event.get("hook_event_name") in ("SessionStart", "sessionStart")


def _show(reply: bytes | None) -> None:
    if reply is None or reply.strip() == b"{}":
        return
    while reply:
        reply = reply[os.write(1, reply) :]


def _timeout(environment: dict[str, str]) -> float:
    try:
        seconds = float(environment.get("DCM_HOOK_TIMEOUT") or DEFAULT_TIMEOUT)
    except ValueError:
        return DEFAULT_TIMEOUT
    return seconds if 0 < seconds <= LONGEST_TIMEOUT else DEFAULT_TIMEOUT


def _address(environment: dict[str, str]) -> Address | None:
    url = environment.get("DCM_URL") or environment.get("CONTEXT_MANAGER_URL") or DEFAULT_URL
    try:
        return parse_url(url)
    except ValueError:
        return None
