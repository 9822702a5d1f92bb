"""MCP over stdio, for hosts that take no address: each line is forwarded to the server's /mcp.

Both generations of the protocol: what the newer one wants in HTTP headers is in its messages. The
server keeps nothing between requests; only who joined by coordinator_join is remembered, here.
Standard library only.
"""

import base64
import contextlib
import http.client
import json
import os
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlencode, urlsplit

DEFAULT_URL = "http://127.0.0.1:3847"
CONNECT_SECONDS = 5
SILENCE_SECONDS = 60  # streams carry a sign of life every 15
LAST_ANSWERS_SECONDS = 30
MOST_AT_ONCE = 32

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
SERVER_ERROR = -32000

VERSION = "io.modelcontextprotocol/protocolVersion"
# Method -> the member of its parameters that the header Mcp-Name repeats.
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_PLAIN = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")

Message = dict[str, Any]


class Failure(Exception):
    """Why a request got no answer of the server's own, in a sentence for the host."""


def run(url: str | None = None, tools: str | None = None, key: str | None = None) -> int:
    """Serve the host on stdin and stdout until stdin ends; the exit status.

    url: of the server or of its /mcp, with ?agent_id= and ?session_id= as you like; by default
    DCM_URL. tools: toolsets and tools, with commas. key: by default DCM_TOKEN or DCM_API_KEY.
    """
    env = os.environ
    url = url or env.get("DCM_URL") or env.get("CONTEXT_MANAGER_URL") or DEFAULT_URL
    key = key or env.get("DCM_TOKEN") or env.get("DCM_API_KEY")
    try:
        remote = Remote(url, tools, key)
    except ValueError:
        sys.stderr.write(f"dcm mcp: {url} is no address such as {DEFAULT_URL}\n")
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        Bridge(remote, sys.stdout.buffer).serve(sys.stdin.buffer)
    return 0


class Remote:
    """The server's endpoint. Raises ValueError for an address that is none."""

    def __init__(self, url: str, tools: str | None, key: str | None) -> None:
        self.url = urlsplit(url.strip())
        if self.url.scheme not in ("http", "https") or not self.url.hostname:
            raise ValueError(url)
        self.base = f"{self.url.scheme}://{self.url.netloc}"
        self.agent_id: str | None = None
        self._port = self.url.port  # raises ValueError
        self._query = dict(parse_qsl(self.url.query))
        if tools:
            self._query["tools"] = tools
        path = self.url.path.rstrip("/")
        self._path = path if path.endswith("/mcp") else f"{path}/mcp"
        self._key = "".join(key.split()) if key else None

    def open(self) -> http.client.HTTPConnection:
        """A connection of its own for each request: loopback is near, and none can be stale."""
        host = self.url.hostname or ""
        if self.url.scheme == "https":
            return http.client.HTTPSConnection(host, self._port, timeout=CONNECT_SECONDS)
        return http.client.HTTPConnection(host, self._port, timeout=CONNECT_SECONDS)

    @property
    def target(self) -> str:
        query = self._query | ({"agent_id": self.agent_id} if self.agent_id else {})
        return f"{self._path}?{urlencode(query)}" if query else self._path

    def headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        return headers | ({"Authorization": f"Bearer {self._key}"} if self._key else {})


class Bridge:
    """Between one host and the server. A request has a thread, so that none waits for another."""

    def __init__(self, remote: Remote, out: BinaryIO) -> None:
        self._remote = remote
        self._out = out
        self._writing = threading.Lock()
        self._version: str | None = None  # that an older host agreed on
        self._under_way: dict[str, http.client.HTTPConnection] = {}
        self._slots = threading.BoundedSemaphore(MOST_AT_ONCE)
        self._threads: list[threading.Thread] = []

    def serve(self, lines: BinaryIO) -> None:
        for line in lines:
            if line.strip():
                self._take(line)
        for thread in self._threads:
            thread.join(LAST_ANSWERS_SECONDS)

    def _take(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            self._refuse(None, PARSE_ERROR, "Not JSON")
            return
        if not isinstance(message, dict) or not isinstance(message.get("method"), str):
            self._refuse(None, INVALID_REQUEST, "Not a JSON-RPC request or notification")
        elif "id" not in message:
            self._notice(message)
        elif message["method"] == "subscriptions/listen":  # which ends when the host does
            threading.Thread(target=self._forward, args=(message, line), daemon=True).start()
        else:
            self._slots.acquire()
            thread = threading.Thread(target=self._call, args=(message, line), daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
            thread.start()

    def _notice(self, message: Message) -> None:
        """The server has no use for a host's notifications; a cancellation is for us to do."""
        if message["method"] == "notifications/cancelled":
            connection = self._under_way.pop(_name(_parameters(message).get("requestId")), None)
            if connection is not None and connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(2)

    def _call(self, message: Message, line: bytes) -> None:
        try:
            self._forward(message, line)
        finally:
            self._slots.release()

    def _forward(self, message: Message, line: bytes) -> None:
        name = _name(message["id"])
        connection = self._under_way[name] = self._remote.open()
        try:
            for reply in self._ask(connection, message, line):
                self._note(message, reply)
                self._say(reply)
        except Failure as failure:
            if self._under_way.get(name) is connection:  # else it was cancelled
                self._refuse(message["id"], SERVER_ERROR, str(failure))
        finally:
            if self._under_way.get(name) is connection:
                del self._under_way[name]
            connection.close()

    def _ask(
        self, connection: http.client.HTTPConnection, message: Message, line: bytes
    ) -> Iterator[Message]:
        """What the server says to this message. Raises Failure."""
        headers = self._remote.headers() | self._headers(message)
        try:
            connection.connect()
        except OSError as error:
            raise Failure(
                f"No DCM server answers at {self._remote.base} ({error.strerror or error});"
                " start it, or give its address with --url"
            ) from None
        try:
            connection.sock.settimeout(SILENCE_SECONDS)
            connection.request("POST", self._remote.target, line, headers)
            response = connection.getresponse()
            if response.headers.get_content_type() == "text/event-stream":
                yield from _events(response)
            else:
                yield _only_reply(message, response)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Failure(f"DCM at {self._remote.base} broke off: {error!r}") from None

    def _headers(self, message: Message) -> dict[str, str]:
        parameters = _parameters(message)
        meta = parameters.get("_meta")
        version = meta.get(VERSION) if isinstance(meta, dict) else None
        headers = {"Mcp-Method": message["method"]}
        if isinstance(version, str) or self._version:
            headers["MCP-Protocol-Version"] = version if isinstance(version, str) else self._version
        named = parameters.get(NAMED.get(message["method"], ""))
        if isinstance(named, str):
            headers["Mcp-Name"] = named
        return {name: _header_value(value) for name, value in headers.items() if value}

    def _note(self, message: Message, reply: Message) -> None:
        """Remember what the server does not: the agreed version, and who joined."""
        result = reply.get("result")
        if not isinstance(result, dict):
            return
        if message["method"] == "initialize":
            self._version = result.get("protocolVersion")
        elif message["method"] == "tools/call" and not result.get("isError"):
            tool = _parameters(message).get("name")
            if tool == "coordinator_join":
                self._remote.agent_id = _joined(result)
            elif tool == "coordinator_leave" and _told(result).get("success") is True:
                self._remote.agent_id = None

    def _refuse(self, number: Any, code: int, text: str) -> None:
        self._say({"jsonrpc": "2.0", "id": number, "error": {"code": code, "message": text}})

    def _say(self, message: Message) -> None:
        # ASCII, so that half a surrogate pair goes out as it came in.
        line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
        with self._writing:
            try:
                self._out.write(line)
                self._out.flush()
            except (BrokenPipeError, ValueError):  # the host has gone
                os._exit(0)


def _events(response: http.client.HTTPResponse) -> Iterator[Message]:
    """The messages of an event stream."""
    data = b""
    for line in response:
        name, _, value = line.rstrip(b"\r\n").partition(b":")
        if name == b"data":
            data += value
        elif not line.strip() and data:
            yield json.loads(data)
            data = b""


def _only_reply(message: Message, response: http.client.HTTPResponse) -> Message:
    """The server's JSON-RPC reply. Raises Failure when it says something else."""
    body = response.read()
    try:
        reply = json.loads(body)
    except ValueError:
        reply = None
    if isinstance(reply, dict) and reply.get("jsonrpc") == "2.0":
        return reply | {"id": message["id"]}
    said = [reply.get(name) for name in ("error", "message")] if isinstance(reply, dict) else []
    details = json.dumps(reply["details"]) if isinstance(reply, dict) and "details" in reply else ""
    text = ": ".join([*(str(each) for each in said if each), *([details] if details else [])])
    raise Failure(f"DCM answered {response.status}: {text or response.reason}")


def _parameters(message: Message) -> Message:
    parameters = message.get("params")
    return parameters if isinstance(parameters, dict) else {}


def _name(number: Any) -> str:
    """Of a request id: 9 and "9" are two."""
    return json.dumps(number)


def _told(result: Mapping[str, Any]) -> Message:
    """The JSON that a tool answered, {} when it is none."""
    try:
        told = json.loads(result["content"][0]["text"])
    except (KeyError, IndexError, TypeError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def _joined(result: Mapping[str, Any]) -> str | None:
    agent = _told(result).get("agent")
    return agent.get("id") if isinstance(agent, dict) else None


def _header_value(text: str) -> str:
    """As the newer protocol writes what does not fit into a header."""
    if _PLAIN.fullmatch(text) and not text.startswith("=?base64?"):
        return text
    return f"=?base64?{base64.b64encode(text.encode(errors='replace')).decode()}?="
