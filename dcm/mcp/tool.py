"""What a tool is: a name, what the model reads of it, and what a call does."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec

from dcm.lib import wire
from dcm.lib.api import Body, error_reply, read_body
from dcm.lib.body import NonEmpty
from dcm.mcp.caller import Caller

B = TypeVar("B", bound=Body)


class Outcome(NamedTuple):
    """What the model reads. failed: the call could not be carried out, and the text says why."""

    text: str
    failed: bool = False


class Tool(Protocol):
    """Synchronous. reads: it changes nothing."""

    @property
    def name(self) -> str: ...

    @property
    def description(self) -> str: ...

    @property
    def reads(self) -> bool: ...

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its arguments."""

    def call(self, caller: Caller, arguments: Mapping[str, Any]) -> Outcome: ...


class Call(Body, kw_only=True):
    """What every call may name."""

    agent_id: Annotated[NonEmpty, msgspec.Meta(description="Your id")] | None = None


class SessionCall(Call, kw_only=True):
    session_id: NonEmpty | None = None


@dataclass(frozen=True)
class ServiceTool(Generic[B]):
    """Reads its arguments into a Body and answers what `run` returns, text or JSON."""

    name: str
    description: str
    given: type[B]
    run: Callable[[Caller, B], Any]
    reads: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        return lean_schema(self.given)

    def call(self, caller: Caller, arguments: Mapping[str, Any]) -> Outcome:
        try:
            answer = self.run(caller, read_body(self.given, wire.dump(arguments)))
        except Exception as error:  # noqa: BLE001  every error is told to the model
            return Outcome(sentence(error, failure=f"{self.name} failed"), failed=True)
        return Outcome(answer if isinstance(answer, str) else wire.dump(answer).decode())


def tool(
    given: type[B], description: str, *, name: str | None = None, reads: bool = False
) -> Callable[[Callable[[Caller, B], Any]], ServiceTool[B]]:
    """Make a function a tool of its name."""

    def make(run: Callable[[Caller, B], Any]) -> ServiceTool[B]:
        return ServiceTool(name or run.__name__, description, given, run, reads)

    return make


def sentence(error: Exception, *, failure: str) -> str:
    """What went wrong, for somebody who reads text: the envelope of the other transports."""
    body, _ = error_reply(error, failure=failure)
    details = body.get("details") or {}
    parts = [f"{field}: {' '.join(texts)}" for field, texts in details.items()]
    if not parts and "message" in body:
        parts = [body["message"]]
    return f"{body['error']}: {'; '.join(parts)}" if parts else str(body["error"])


@functools.cache
def lean_schema(given: type[Body]) -> dict[str, Any]:
    """The schema of a Body without what a model has no use for: titles, nulls and null defaults."""
    (_,), components = msgspec.json.schema_components([given])
    schema = components[given.__name__]
    properties = {name: _lean(field) for name, field in schema["properties"].items()}
    required = schema["required"]
    return {
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
    }


def _lean(field: dict[str, Any]) -> dict[str, Any]:
    options = [option for option in field.get("anyOf", []) if option != {"type": "null"}]
    shown = {name: value for name, value in field.items() if name not in ("anyOf", "title")}
    for option in options:  # of ours none has more than one
        shown |= option
    shown.pop("format", None)  # some hosts refuse a schema with one they do not know
    if "enum" in shown:
        shown = {"type": "string", **shown}
    if shown.get("default", ...) in (None, "", []):
        del shown["default"]
    return shown


def listing(tools: "list[Tool]") -> str:
    """The tools as JSON, as a host puts them before its model."""
    shown = [
        {"name": tool.name, "description": tool.description, "inputSchema": tool.schema}
        for tool in tools
    ]
    return json.dumps(shown, separators=(",", ":"))
