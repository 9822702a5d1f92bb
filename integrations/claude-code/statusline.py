#!/usr/bin/env python3
"""One line below the prompt: is the server there, agents at work, unread messages, context used.

Claude Code runs it after each message with its state as JSON on stdin. Standard library only; it
never takes longer than half a second, and never fails.
"""

import http.client
import json
import os
import re
import sys
from typing import Any
from urllib.parse import quote, urlsplit

TIMEOUT_SECONDS = 0.5
DEFAULT_URL = "http://127.0.0.1:3847"


def main() -> None:
    try:
        state = json.load(sys.stdin)
    except ValueError:
        state = {}
    state = state if isinstance(state, dict) else {}
    parts = [server(text(state.get("session_id"))), model(state), context(state)]
    sys.stdout.write(" · ".join(part for part in parts if part) + "\n")


def server(session_id: str) -> str:
    try:
        at_work = ask("/api/active-sessions")["active_agents"]
        route = f"/api/messages/{quote(session_id, safe='')}?unread_only=true&mark_read=false"
        unread = len(ask(route)["messages"]) if session_id else 0
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return "dcm ○"
    mine = sum(each.get("session_id") == session_id for each in at_work)
    told = [f"{mine} agents" if mine else "", f"{unread} unread" if unread else ""]
    return " · ".join(part for part in ("dcm ●", *told) if part)


def ask(route: str) -> dict[str, Any]:
    url = urlsplit(os.environ.get("DCM_URL") or DEFAULT_URL)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.hostname or "", url.port, timeout=TIMEOUT_SECONDS)
    key = os.environ.get("DCM_TOKEN") or os.environ.get("DCM_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        connection.request("GET", url.path.rstrip("/") + route, headers=headers)
        reply = json.loads(connection.getresponse().read(1 << 20))
    finally:
        connection.close()
    return reply if isinstance(reply, dict) else {}


def model(state: dict[str, Any]) -> str:
    found = state.get("model")
    return text(found.get("display_name")) if isinstance(found, dict) else ""


def context(state: dict[str, Any]) -> str:
    window = state.get("context_window")
    used = window.get("used_percentage") if isinstance(window, dict) else None
    return f"context {used:.0f} %" if isinstance(used, int | float) else ""


def text(value: object) -> str:
    """On one line, and nothing that a terminal would obey."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", "", value)[:100] if isinstance(value, str) else ""


if __name__ == "__main__":
    main()
