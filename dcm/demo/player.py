"""Plays a run to a server."""

import http.client
import json
import time
import uuid
from collections.abc import Callable, Sequence
from string import Template
from typing import Any
from urllib.parse import urlsplit

from dcm.demo.steps import Step

TIMEOUT_SECONDS = 15
Tell = Callable[[str], None]


class DemoError(Exception):
    """Why the run cannot go on, in one line."""


class Player:
    """speed: how many times faster than life. api_key: sent if there is one."""

    def __init__(self, url: str, *, api_key: str = "", speed: float = 1) -> None:
        self._url = urlsplit(url)
        if self._url.scheme not in ("http", "https") or not self._url.hostname:
            raise DemoError(f"{url} is no address such as http://127.0.0.1:3847")
        self._headers = {"Content-Type": "application/json"}
        if api_key:
            self._headers["Authorization"] = f"Bearer {api_key}"
        self._speed = speed

    def play(self, run: Sequence[Step], tell: Tell) -> None:
        """The whole run, in a session of its own. One that is cut short is wound up."""
        number = uuid.uuid4().hex[:6]
        names = {"run": number, "session": f"demo-{number}"}
        played = 0
        try:
            for step in run:
                time.sleep(step.wait / self._speed)
                self._take(step, names)
                played += 1
                if step.says:
                    tell(f"{step.who:>14}  {step.says}")
        except KeyboardInterrupt:
            self._wind_up(run, played, names)
            raise

    def _wind_up(self, run: Sequence[Step], played: int, names: dict[str, str]) -> None:
        """Nothing that was opened stays open; a server that is gone does not mind."""
        opened = {step.opens for step in run[:played]}
        for step in run[played:]:
            if step.closes and step.closes in opened:
                try:
                    self._take(step, names)
                except DemoError:
                    continue

    def _take(self, step: Step, names: dict[str, str]) -> None:
        reply = self._ask(step.method, _filled(step.path, names), _filled(step.body, names))
        names.update({name: str(_part(reply, path)) for name, path in step.keep.items()})

    def _ask(self, method: str, path: str, body: Any) -> Any:
        """The reply, as long as it is 2xx."""
        kind = (
            http.client.HTTPSConnection
            if self._url.scheme == "https"
            else http.client.HTTPConnection
        )
        server = f"{self._url.scheme}://{self._url.netloc}"
        try:
            connection = kind(self._url.hostname or "", self._url.port, timeout=TIMEOUT_SECONDS)
            try:
                text = None if body is None else json.dumps(body)
                connection.request(method, self._url.path.rstrip("/") + path, text, self._headers)
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise DemoError(f"No server answers at {server}: {error}") from error
        if not 200 <= answer.status < 300:
            said = content[:200].decode(errors="replace")
            raise DemoError(f"{method} {path} was answered with {answer.status}: {said}")
        try:
            return json.loads(content or b"null")
        except ValueError as error:
            raise DemoError(f"What answers at {server} is no DCM") from error


def _filled(value: Any, names: dict[str, str]) -> Any:
    """The value with this run's ids in its texts; a `$` that names none stays."""
    if isinstance(value, str):
        return Template(value).safe_substitute(names)
    if isinstance(value, dict):
        return {key: _filled(inner, names) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, names) for inner in value]
    return value


def _part(reply: Any, path: str) -> Any:
    """`subtasks.0.id` of a reply."""
    for key in path.split("."):
        try:
            reply = reply[int(key)] if isinstance(reply, list) else reply[key]
        except (LookupError, TypeError, ValueError):
            raise DemoError(f"A reply has no {path}: what answers is no DCM") from None
    return reply
