"""All commands of `dcm`, by name."""

import os
import time
from importlib.metadata import version as version_of
from typing import Annotated

import typer

from dcm_client import mcp_stdio
from dcm_client.cli import look, talk
from dcm_client.cli.claiming import claim
from dcm_client.cli.doctor.command import doctor
from dcm_client.cli.guard.command import guard
from dcm_client.cli.importing import import_transcripts
from dcm_client.cli.install.commands import install_hooks, uninstall_hooks
from dcm_client.cli.options import Json, Url
from dcm_client.cli.searching import search
from dcm_client.cli.terminal import NO_SERVER, complain, say, show_json
from dcm_client.hook import Hook
from dcm_client.rest import DCMClient

EXIT_CODES = (
    "Exit codes: 0 done, 1 refused or a problem found, 2 wrong usage, 3 no server answers, "
    "4 the server wants another key."
)

app = typer.Typer(
    name="dcm",
    help="What your coding agents do, know and tell each other.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        say(version_of("dcm-client"))
        raise typer.Exit


@app.callback()
def dcm(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it, end.")
    ] = False,
) -> None:
    pass


@app.command()
def flush(url: Url = None, as_json: Json = False) -> None:
    """Send the events that wait for the server."""
    address = DCMClient(url).url
    sent, is_clear = Hook({**os.environ, "DCM_URL": address}, time.monotonic()).send_all()
    if as_json:
        show_json({"sent": sent, "clear": is_clear})
    else:
        say(f"Sent {sent} waiting events; {'none are left' if is_clear else 'some still wait'}")
    if not is_clear:
        complain(f"{address} does not take events now: `dcm doctor` finds out why")
        raise typer.Exit(NO_SERVER)


@app.command()
def mcp(
    tools: Annotated[
        str | None, typer.Option(help="Toolsets and tools, with commas; see docs/mcp.md.")
    ] = None,
    url: Url = None,
) -> None:
    """The server's MCP tools over stdio, for hosts that start their MCP servers as commands."""
    raise typer.Exit(mcp_stdio.run(url, tools))


SETTING_UP, LOOKING, TALKING, WORKING = "Set up", "Look", "Talk", "Work"
app.command("install", rich_help_panel=SETTING_UP)(install_hooks)
app.command("uninstall", rich_help_panel=SETTING_UP)(uninstall_hooks)
app.command(rich_help_panel=SETTING_UP)(doctor)
app.command("import", rich_help_panel=SETTING_UP)(import_transcripts)
app.command(rich_help_panel=LOOKING)(look.status)
app.command(rich_help_panel=LOOKING)(look.agents)
app.command(rich_help_panel=LOOKING)(look.brief)
app.command(rich_help_panel=LOOKING)(look.tail)
app.command(rich_help_panel=LOOKING)(search)
app.command(rich_help_panel=TALKING)(talk.inbox)
app.command(rich_help_panel=TALKING)(talk.send)
app.command(rich_help_panel=TALKING)(talk.ask)
app.command(rich_help_panel=TALKING)(talk.answer)
app.command(rich_help_panel=TALKING)(talk.share)
app.command(rich_help_panel=TALKING)(talk.decide)
app.command(rich_help_panel=WORKING)(claim)
app.command(rich_help_panel=WORKING)(guard)
