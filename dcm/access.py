"""Who may do what over HTTP: one rule for every route and method, and one place that asks it.

People come by the admin's login, and only to pages (see dcm.lib.api.is_page); their cookies count
nowhere else. Programs bring a key (dcm.lib.keys.admission). In development on loopback nobody is
asked for one, and then no rule is asked either. Sockets: realtime.access, sessions_app.trpc.access.

A route without a rule answers 404, whatever it is.
"""

import functools
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any, Literal

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

from dcm.lib.audit.services import note
from dcm.lib.errors import Forbidden, NotFound, outliving
from dcm.lib.keys.admission import refusal
from dcm.lib.keys.callers import ANYBODY, Caller, current
from dcm.lib.threads import in_thread
from dcm.limits import check_named, named_by

logger = logging.getLogger("dcm.access")


class NotForAgents(Forbidden):
    message = "This needs an operator key"


class NotForLimitedKeys(Forbidden):
    message = "This key is limited to projects or agents, and MCP reaches all of them"


class NotForOneProject(Forbidden):
    message = "This key is limited to projects, and this route is about all of them"


@dataclass(frozen=True, slots=True)
class Rule:
    """scope: of the key, at least. reach: "own" when keys limited to projects may come, too, since
    it answers with nothing but theirs; "all" when it cannot.

    belongs_by: it makes a row that belongs to a project, by one of these names at least. acts_as:
    these names say as which agent the caller speaks. each: the name of a list of such bodies.
    """

    scope: Literal["open", "agent", "operator"]
    reach: Literal["own", "all"] = "all"
    belongs_by: tuple[str, ...] = ()
    acts_as: tuple[str, ...] = ()
    each: str | None = None


OPEN = Rule("open")
ALL = Rule("agent")
OWN = Rule("agent", "own")
OPERATOR = Rule("operator")
OPERATOR_OWN = Rule("operator", "own")
ACTION = Rule("agent", "own", belongs_by=("subtask_id", "project_path", "session_id"))
READS_AS = Rule("agent", "own", acts_as=("agent_id",))
SUBSCRIBES = Rule("agent", acts_as=("agent_id",))
BLOCKS = Rule("agent", acts_as=("blocked_by", "blocker_agent_id", "blocker_id"))

SESSION = "/api/sessions/{session_id}"
RULES = {
    "GET /health": OPEN,
    "GET /livez": OPEN,
    "GET /stats": ALL,
    "GET /stats/tools-summary": OPERATOR,
    "GET /metrics": OPERATOR,
    "GET /api/schema": OWN,
    "GET /api/cleanup/stats": OPERATOR,
    # The work tree.
    "GET /api/projects": OWN,
    "POST /api/projects": Rule("agent", "own", belongs_by=("path",)),
    "GET /api/projects/by-path": OWN,
    "GET /api/projects/{pk}": OWN,
    "DELETE /api/projects/{pk}": OPERATOR_OWN,
    "GET /api/hierarchy/{project_id}": OWN,
    "GET /api/active-sessions": OWN,
    "GET /api/requests": OWN,
    "POST /api/requests": Rule("agent", "own", belongs_by=("project_id",)),
    "GET /api/requests/{pk}": OWN,
    "PATCH /api/requests/{pk}": OWN,
    "DELETE /api/requests/{pk}": OWN,
    "GET /api/tasks": OWN,
    "POST /api/tasks": OWN,
    "GET /api/tasks/{pk}": OWN,
    "PATCH /api/tasks/{pk}": OWN,
    "DELETE /api/tasks/{pk}": OWN,
    "GET /api/subtasks": OWN,
    "POST /api/subtasks": OWN,
    "GET /api/subtasks/{pk}": OWN,
    "PATCH /api/subtasks/{pk}": OWN,
    "DELETE /api/subtasks/{pk}": OWN,
    "GET /api/actions": OWN,
    "POST /api/actions": ACTION,
    "POST /api/actions/batch": Rule("agent", "own", ACTION.belongs_by, each="actions"),
    "GET /api/actions/hourly": OWN,
    "GET /api/actions/{action_id}": OWN,
    "DELETE /api/actions/{action_id}": OPERATOR_OWN,
    "DELETE /api/actions/by-session/{session_id}": OPERATOR_OWN,
    # What tools are good for is learnt from the work in all projects.
    "GET /api/routing/suggest": ALL,
    "GET /api/routing/stats": ALL,
    "POST /api/routing/feedback": ALL,
    # Sessions, what is shared in one, and briefs.
    "GET /api/sessions": OWN,
    "POST /api/sessions": Rule("agent", "own", belongs_by=("project_id",)),
    "GET /api/sessions/stats": OWN,
    "GET /api/sessions/{pk}": OWN,
    "PATCH /api/sessions/{pk}": OWN,
    "DELETE /api/sessions/{pk}": OWN,
    f"GET {SESSION}/context": OWN,
    f"GET {SESSION}/context/{{key}}": OWN,
    f"PUT {SESSION}/context/{{key}}": OWN,
    f"DELETE {SESSION}/context/{{key}}": OWN,
    f"GET {SESSION}/agents": OWN,
    f"POST {SESSION}/agents": OWN,
    f"DELETE {SESSION}/agents/{{agent_id}}": OWN,
    f"GET {SESSION}/questions": OWN,
    f"POST {SESSION}/questions": OWN,
    f"POST {SESSION}/questions/{{question_id}}/answer": OWN,
    f"GET {SESSION}/decisions": OWN,
    f"POST {SESSION}/decisions": OWN,
    "GET /api/context/{agent_id}": READS_AS,
    "POST /api/context/generate": READS_AS,
    "POST /api/compact/restore": READS_AS,
    "GET /api/compact/status/{session_id}": OWN,
    "GET /api/compact/history/{session_id}": OWN,
    "GET /api/search": ALL,
    "POST /api/hooks/claude-code": Rule("agent", "own", belongs_by=("cwd", "session_id")),
    "GET /api/hooks/health": ALL,
    # Agents, and what they say to each other; they belong to no project.
    "GET /api/agents": ALL,
    "GET /api/agents/{agent_id}": ALL,
    "POST /api/messages": Rule("agent", "own", ("project_id",), ("from_agent", "from_agent_id")),
    "GET /api/messages/{agent_id}": READS_AS,
    "POST /api/messages/{message_id}/read": READS_AS,
    "GET /api/deliveries": OWN,
    "GET /api/deliveries/{message_id}": OWN,
    "POST /api/deliveries/{message_id}/acknowledge": READS_AS,
    "POST /api/subscribe": SUBSCRIBES,
    "POST /api/unsubscribe": SUBSCRIBES,
    "GET /api/subscriptions": ALL,
    "GET /api/subscriptions/{key}": ALL,
    "DELETE /api/subscriptions/{key}": ALL,
    "POST /api/blocking": BLOCKS,
    "GET /api/blocking/check": ALL,
    "GET /api/blocking/{key}": ALL,
    "DELETE /api/blocking/{key}": ALL,
    "POST /api/unblock": BLOCKS,
    # Work that agents take by themselves.
    "GET /api/claims": OWN,
    "POST /api/claims": READS_AS,
    "PATCH /api/claims/{pk}": OWN,
    "DELETE /api/claims/{pk}": OWN,
    # Who may edit what; the mode says what comes of it.
    "GET /api/leases": ALL,
    "POST /api/leases": Rule("agent", acts_as=("agent_id",)),
    "POST /api/leases/check": Rule("agent", acts_as=("agent_id",)),
    "PATCH /api/leases/{pk}": ALL,
    "DELETE /api/leases/{pk}": ALL,
    "GET /api/leases/mode/{project_id}": ALL,
    "PUT /api/leases/mode/{project_id}": OPERATOR,
    # The event log holds what every agent was told.
    "GET /api/events": OPERATOR,
    "POST /api/auth/token": READS_AS,
}


@sync_and_async_middleware
def authorize(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Lets through what the current caller may do."""
    if iscoroutinefunction(get_response):

        async def on_the_loop(request: HttpRequest) -> HttpResponseBase:
            caller, rule = current.get(), None
            if caller is not ANYBODY:
                try:
                    rule = _rule_for(request, caller)
                    if rule is not None and caller.is_limited:
                        await in_thread(_check_limits, request, rule, caller)
                except Exception as error:  # noqa: BLE001  every error has an envelope
                    return refusal(error)
            response: HttpResponseBase = await get_response(request)
            if rule is not None and _is_administrative(request, rule, response):
                await in_thread(_record, request, caller)
            return response

        return on_the_loop

    def in_a_thread(request: HttpRequest) -> HttpResponseBase:
        caller, rule = current.get(), None
        if caller is not ANYBODY:
            try:
                rule = _rule_for(request, caller)
                if rule is not None and caller.is_limited:
                    _check_limits(request, rule, caller)
            except Exception as error:  # noqa: BLE001  every error has an envelope
                return refusal(error)
        response: HttpResponseBase = get_response(request)
        if rule is not None and _is_administrative(request, rule, response):
            _record(request, caller)
        return response

    return in_a_thread


def _is_administrative(request: HttpRequest, rule: Rule, response: HttpResponseBase) -> bool:
    """Whether something was done that takes an operator."""
    return rule.scope == "operator" and request.method != "GET" and response.status_code < 300


def _record(request: HttpRequest, caller: Caller) -> None:
    # It is done; that it cannot be recorded is no reason to tell the client otherwise.
    with outliving(logger, "an administrative act could not be recorded"):
        note(f"api.{request.method}", by=f"key {caller.key_id}", about=request.path)


def check_unlimited(caller: Caller) -> None:
    """For what reaches further than one project or agent. Raises NotForLimitedKeys."""
    if caller.is_limited:
        raise NotForLimitedKeys


def check_scope(rule: Rule, caller: Caller) -> None:
    """Raises NotForAgents, NotForOneProject."""
    if rule.scope == "operator" and not caller.is_operator:
        raise NotForAgents
    if rule.reach == "all" and rule.scope != "open" and caller.projects is not None:
        raise NotForOneProject


def _rule_for(request: HttpRequest, caller: Caller) -> Rule | None:
    """None when there is no such route. Raises NotFound, NotForAgents, NotForOneProject."""
    match = request.resolver_match
    if match is None:
        return None
    method = "GET" if request.method == "HEAD" else request.method
    rule = RULES.get(f"{method} {plain(match.route)}")
    if rule is None:
        raise NotFound
    check_scope(rule, caller)
    return rule


def _check_limits(request: HttpRequest, rule: Rule, caller: Caller) -> None:
    assert request.resolver_match is not None
    for named in named_by(request, request.resolver_match.kwargs, each=rule.each):
        check_named(caller, named, belongs_by=rule.belongs_by, acts_as=rule.acts_as)


@functools.cache
def plain(route: str) -> str:
    """Django's route as people write it: /api/projects/{pk}."""
    named = re.sub(r"\(\?P<(\w+)>\(\?s:\.\+\??\)\)|\(\?P<(\w+)>[^)]+\)", r"{\1\2}", route)
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", named).removeprefix("^").removesuffix("$")
