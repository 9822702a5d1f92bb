from collections.abc import Iterator

import typer

from dcm_client.cli.doctor.canary import check_canary
from dcm_client.cli.doctor.findings import Finding, Level
from dcm_client.cli.doctor.health import check_hook_health
from dcm_client.cli.doctor.hooks import check_hook_program, check_registrations
from dcm_client.cli.doctor.server import check_server
from dcm_client.cli.doctor.spool import check_spool
from dcm_client.cli.options import Json, Url
from dcm_client.cli.terminal import PROBLEM, say, show_json
from dcm_client.rest import DCMClient

TIMEOUT_SECONDS = 3


def doctor(url: Url = None, as_json: Json = False) -> None:
    """Find out what is wrong, and say what to do: server, clock, hooks, spool, a canary."""
    found = []
    with DCMClient(url, timeout_seconds=TIMEOUT_SECONDS, retries=0) as dcm:
        for finding in _examine(dcm):
            found.append(finding)
            if not as_json:
                _say(finding)
    if as_json:
        show_json(found)
    if any(each.level is Level.PROBLEM for each in found):
        raise typer.Exit(PROBLEM)


def _examine(dcm: DCMClient) -> Iterator[Finding]:
    reachable = True
    for finding in check_server(dcm):
        reachable = reachable and finding.level is not Level.PROBLEM
        yield finding
    yield check_hook_program()
    yield from check_registrations(dcm.url)
    yield from check_spool()
    if reachable:
        yield from check_hook_health(dcm)
        yield from check_canary(dcm)


def _say(finding: Finding) -> None:
    mark = {Level.OK: "ok     ", Level.WARNING: "warning", Level.PROBLEM: "PROBLEM"}[finding.level]
    say(f"{mark}  {finding.check:<10} {finding.text}")
    if finding.advice:
        say(f"{'':<20} {finding.advice}")
