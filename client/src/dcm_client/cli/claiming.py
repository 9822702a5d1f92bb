"""`dcm claim`: work that nobody does yet."""

from pathlib import Path
from typing import Annotated

import typer

from dcm_client.cli.options import (
    Json,
    Sender,
    Url,
    own_session,
    projects_around,
    server,
    the_sender,
)
from dcm_client.cli.terminal import clean, give_up, line, say, show_json
from dcm_client.rest import DCMClient
from dcm_client.results import Claimed


def claim(
    agent_type: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only for agents of this type; may be given several times."),
    ] = None,
    request: Annotated[str | None, typer.Option(help="Only of this request.")] = None,
    of_session: Annotated[
        str | None, typer.Option(help="Only of what was asked in this session.")
    ] = None,
    anywhere: Annotated[
        bool, typer.Option("--anywhere", help="Of any project, not only of this folder's.")
    ] = False,
    ttl: Annotated[
        int | None, typer.Option(min=1, help="Seconds until it is lost without a sign of life.")
    ] = None,
    done: Annotated[
        str | None, typer.Option(metavar="SUBTASK", help="Instead: this one is completed.")
    ] = None,
    token: Annotated[
        int | None, typer.Option(help="Of the claim: with --done, only if it is not lost.")
    ] = None,
    give_back: Annotated[
        str | None, typer.Option(metavar="SUBTASK", help="Instead: others may do this one.")
    ] = None,
    sender: Sender = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Take the next subtask that nothing stands in the way of: it is yours alone."""
    agent_id = the_sender(sender)
    with server(url) as dcm:
        if done is not None:
            subtask = dcm.update_subtask(done, status="completed", token=token)
            _tell(subtask, f"Completed: {line(subtask.description)}", as_json)
            return
        if give_back is not None:
            released = dcm.release_claim(give_back, agent_id)
            _tell(released, f"Given back: {released.subtask_id}", as_json)
            return
        claimed = dcm.claim_next(
            agent_id,
            project_id=None if anywhere or request else _project_here(dcm),
            request_id=request,
            of_session=of_session,
            agent_types=agent_type,
            session_id=own_session(),
            ttl_seconds=ttl,
        )
    _tell(claimed, _shown(claimed), as_json)


def _project_here(dcm: DCMClient) -> str:
    project = next(projects_around(dcm), None)
    if project is None:
        give_up(f"nothing was ever recorded in {Path.cwd()}: see --request and --anywhere")
    return project.id


def _tell(result: object, text: str, as_json: bool) -> None:
    if as_json:
        show_json(result)
    else:
        say(text)


def _shown(claimed: Claimed) -> str:
    if claimed.claim is None or claimed.subtask is None:
        wait = f"; {claimed.waiting} wait for others" if claimed.waiting else ""
        return f"Nothing to do now{wait}"
    lines = [f"{claimed.subtask.id}  until {claimed.claim.expires_at:%H:%M} UTC unless you go on"]
    lines += [f"  {each}" for each in clean(claimed.subtask.description).splitlines()]
    lines += [
        f"Unblocks: {line(each.description)}"
        + (f" ({line(each.agent_id)})" if each.agent_id else "")
        for each in claimed.unblocks
        if each.is_last
    ]
    return "\n".join(lines)
