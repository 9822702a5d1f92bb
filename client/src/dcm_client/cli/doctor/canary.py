"""One event by each way that hosts use, sought on the server, and removed again."""

import contextlib
import json
import os
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from dcm_client.cli.doctor.findings import Finding, ok, problem, warning
from dcm_client.cli.install.hosts import hook_program
from dcm_client.errors import DCMError
from dcm_client.rest import DCMClient

FOLDER = "/dcm-doctor"
PATIENCE_SECONDS = 20


def check_canary(dcm: DCMClient) -> Iterator[Finding]:
    run = f"dcm-doctor-{uuid.uuid4()}"
    try:
        yield _fly(dcm, f"{run}-http", "http hooks", dcm.send_hook_event)
        program = hook_program()
        if program is not None:
            yield _fly(dcm, f"{run}-command", "dcm-hook", lambda event: _tell(program, dcm, event))
    finally:
        _clean_up(dcm, run)


def _fly(
    dcm: DCMClient, session_id: str, way: str, send: Callable[[dict[str, Any]], object]
) -> Finding:
    secret = f"ghp_{uuid.uuid4().hex}"
    event = {
        "hook_event_name": "PostToolUse",
        "session_id": session_id,
        "cwd": FOLDER,
        "tool_name": "dcm-doctor",
        "tool_use_id": session_id,
        "tool_input": {"-": secret},  # no word that routing could learn
    }
    try:
        send(event)
        found = next(iter(dcm.get_actions(session_id=session_id, limit=1)), None)
        action = dcm.get_action(found.id) if found else None
    except DCMError as error:
        return problem("canary", f"by {way}: {error}", "look at the server's log")
    if action is None:
        text = f"an event sent by {way} did not arrive"
        return problem("canary", text, "look at the server's log, and at DCM_HOOK_TIMEOUT")
    if secret in (action.input or ""):
        text = f"an event sent by {way} arrived with its secret"
        return warning("canary", text, "take DCM_REDACT=off away from the server and from here")
    return ok("canary", f"an event sent by {way} arrived, its secret did not")


def _tell(program: str, dcm: DCMClient, event: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        # A spool of its own: what really waits is no part of this.
        environment = {**os.environ, "DCM_SPOOL": folder, "DCM_URL": dcm.url}
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [program],
                input=json.dumps(event).encode(),
                env=environment,
                timeout=PATIENCE_SECONDS,
                check=False,
            )


def _clean_up(dcm: DCMClient, run: str) -> None:
    for way in ("http", "command"):
        with contextlib.suppress(DCMError):
            dcm.delete_actions_by_session(f"{run}-{way}")
        with contextlib.suppress(DCMError):
            dcm.delete_session(f"{run}-{way}")
    with contextlib.suppress(DCMError):
        dcm.delete_project(dcm.get_project_by_path(FOLDER).id)
