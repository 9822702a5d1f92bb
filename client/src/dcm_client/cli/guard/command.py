"""`dcm guard`: whether other agents hold what is about to be committed."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from dcm_client.cli.guard import git
from dcm_client.cli.options import (
    Json,
    Sender,
    Url,
    exit_code,
    explain,
    own_session,
    projects_around,
    the_sender,
)
from dcm_client.cli.terminal import PROBLEM, USAGE, complain, give_up, line, say, show_json
from dcm_client.errors import DCMError
from dcm_client.rest import DCMClient
from dcm_client.results import LeaseCheck, LeaseConflict, Project

T = TypeVar("T")
AT_ONCE = 1000
SHOWN = 20


def guard(
    install: Annotated[
        bool, typer.Option("--install", help="Ask before each commit, by git's pre-commit hook.")
    ] = False,
    uninstall: Annotated[bool, typer.Option("--uninstall", help="Do not ask any more.")] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Refuse whatever the mode of the project, and without a server, too."
        ),
    ] = False,
    sender: Sender = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Whether other agents hold files that the next commit changes.

    Exit codes: 0 commit, 1 somebody holds them and the project's mode is enforce, 2 no repository.
    A server that does not answer refuses nothing, but with --strict: 3, or 4 for another key.
    """
    if install or uninstall:
        _change_hook(install=install)
        return
    top, files = _or_give_up(git.top), _or_give_up(git.staged)
    try:
        # Not for long: somebody waits for the commit.
        with DCMClient(url, timeout_seconds=2.0, retries=0) as dcm:
            address = dcm.url
            checks = list(_checks(dcm, top, files, the_sender(sender)))
    except DCMError as error:
        complain(explain(error, address))
        raise typer.Exit(exit_code(error) if strict else 0) from None
    conflicts = [conflict for check in checks for conflict in check.conflicts]
    if as_json:
        show_json(conflicts)
    else:
        _show(conflicts)
    if any(check.conflicts and (strict or check.mode == "enforce") for check in checks):
        raise typer.Exit(PROBLEM)


def _checks(dcm: DCMClient, top: Path, files: list[str], agent_id: str) -> Iterator[LeaseCheck]:
    for project in projects_around(dcm):
        inside = list(_inside(project, top, files))
        for first in range(0, len(inside), AT_ONCE):
            yield dcm.check_leases(
                project.id, agent_id, inside[first : first + AT_ONCE], session_id=own_session()
            )


def _inside(project: Project, top: Path, files: list[str]) -> Iterator[str]:
    """The files from the project on. git has resolved all links on the way to the top."""
    folder = os.path.realpath(project.path)
    for name in files:
        path = os.path.relpath(top / name, folder)
        if path != os.pardir and not path.startswith(os.pardir + os.sep):
            yield path.encode(errors="replace").decode()


def _show(conflicts: list[LeaseConflict]) -> None:
    for path, lease in ((each.path, each.lease) for each in conflicts[:SHOWN]):
        why = f": {lease.reason}" if lease.reason else ""
        until = f"{lease.expires_at:%Y-%m-%d %H:%M} UTC"
        say(line(f"{path} is held by {lease.agent_id} until {until}{why}"))
    if len(conflicts) > SHOWN:
        say(f"and {len(conflicts) - SHOWN} more")
    if conflicts:
        say(
            "Wait for its release, or ask its holder. `git commit --no-verify` commits all the same"
        )


def _change_hook(*, install: bool) -> None:
    try:
        if install:
            path, is_new = _or_give_up(git.install_hook)
            say(f"{'Installed' if is_new else 'Already installed'}: {path}")
        else:
            removed = _or_give_up(git.remove_hook)
            say(f"Removed: {removed}" if removed else "There is none")
    except git.ForeignHook as foreign:
        add = "add a line `dcm guard || exit 1` to it" if install else "take it out by hand"
        give_up(f"{foreign} is not ours and stays as it is: {add}")
    except OSError as error:
        give_up(f"cannot change the hook: {error}")


def _or_give_up(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except git.GitFailed as error:
        give_up(str(error), USAGE)
