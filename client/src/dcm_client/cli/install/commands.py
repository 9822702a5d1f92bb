import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from dcm_client.cli.install.hosts import HOSTS, Host, HostName, Scope, Way, hook_command
from dcm_client.cli.install.settings import (
    CannotEdit,
    Change,
    install,
    installing,
    uninstall,
    uninstalling,
)
from dcm_client.cli.options import Json, Url
from dcm_client.cli.terminal import give_up, say, show_json
from dcm_client.rest import DEFAULT_URL, DCMClient

T = TypeVar("T")

Which = Annotated[
    list[HostName] | None,
    typer.Argument(help="The agent hosts; without: those that this machine has a folder of."),
]
InScope = Annotated[
    Scope,
    typer.Option(help="Settings of yours, of this project, or of yours in this project (local)."),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")]


def install_hooks(
    which: Which = None,
    scope: InScope = Scope.USER,
    by_command: Annotated[
        bool,
        typer.Option(
            "--command",
            help="Everything by dcm-hook: secrets stay here, and events wait while the server is "
            "away. Costs the start of a process for each event.",
        ),
    ] = False,
    dry_run: DryRun = False,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Register hooks in the settings of agent hosts. What is there stays as it is."""
    way = _way(url, scope, by_command=by_command)
    done = []
    for host, path in _chosen(which, scope):
        change = _or_give_up(lambda: installing(path, host.groups(way)))  # noqa: B023  called now
        backup = None
        if not change.is_none and not dry_run:
            backup = str(_or_give_up(lambda: install(change)))  # noqa: B023
        done.append(_told(host, change, dry_run, as_json, backup))
    if as_json:
        show_json(done)


def uninstall_hooks(
    which: Which = None,
    scope: InScope = Scope.USER,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Take the hooks out again; a file that nobody changed since gets its old bytes back."""
    done = []
    for host, path in _chosen(which, scope):
        change = _or_give_up(lambda: uninstalling(path))  # noqa: B023  called now
        if not dry_run:
            _or_give_up(lambda: uninstall(change))  # noqa: B023
        done.append(_told(host, change, dry_run, as_json, None))
    if as_json:
        show_json(done)


def _way(url: str | None, scope: Scope, *, by_command: bool) -> Way:
    address = DCMClient(url).url
    header = next((name for name in ("DCM_TOKEN", "DCM_API_KEY") if os.environ.get(name)), None)
    command = hook_command(scope, address, is_default_url=address == DEFAULT_URL)
    return Way(url=address, command=command, header=header, http=not by_command)


def _chosen(which: list[HostName] | None, scope: Scope) -> Iterator[tuple[Host, Path]]:
    there = [name for name, host in HOSTS.items() if host.folder().is_dir()]
    for name in which or there or [HostName.CLAUDE_CODE]:
        host = HOSTS[name]
        path = host.settings(scope, Path.cwd())
        if path is not None:
            yield host, path
        elif which:
            give_up(f"{host.title} has no settings of scope {scope}")


def _or_give_up(edit: Callable[[], T]) -> T:
    try:
        return edit()
    except CannotEdit as error:
        give_up(str(error))


def _told(
    host: Host, change: Change, dry_run: bool, as_json: bool, backup: str | None
) -> dict[str, object]:
    if not as_json:
        _say(host, change, dry_run, backup)
    return {
        "host": host.name,
        "path": str(change.path),
        "changed": not change.is_none and not dry_run,
        "diff": change.diff(),
        "backup": backup,
    }


def _say(host: Host, change: Change, dry_run: bool, backup: str | None) -> None:
    if change.is_none:
        say(f"{host.title}: nothing to change in {change.path}")
    elif dry_run:
        say(change.diff().rstrip("\n"))
    else:
        say(f"{host.title}: changed {change.path}")
        if backup:
            say(f"  what it was is kept in {backup}; `dcm uninstall` puts it back")
        if backup and host.advice:
            say(f"  {host.advice}")
