"""Is dcm-hook there, and do the hosts call it, or the server itself."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dcm_client.cli.doctor.findings import Finding, ok, problem, warning
from dcm_client.cli.install.hosts import HOOK_ROUTE, HOSTS, Host, HostName, Scope, hook_program
from dcm_client.cli.install.settings import CannotEdit, read_settings, registered

SLOW_SECONDS = 0.5
PATIENCE_SECONDS = 20


def check_hook_program() -> Finding:
    program = hook_program()
    if program is None:
        advice = "install the client again, or put its folder of programs on PATH"
        return problem("dcm-hook", "is not to be found", advice)
    began = time.monotonic()
    try:
        # Nothing on stdin: it starts and ends.
        code = subprocess.run(
            [program], stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS, check=False
        ).returncode
    except (OSError, subprocess.TimeoutExpired) as error:
        return problem("dcm-hook", f"{program}: {error}", "install the client again")
    took = time.monotonic() - began
    if code:
        return problem("dcm-hook", f"{program} ends with {code}", "install the client again")
    text = f"{program} starts and ends in {took * 1000:.0f} ms"
    if took < SLOW_SECONDS:
        return ok("dcm-hook", text)
    return warning("dcm-hook", text, "this machine is busy, or its disk slow; hosts wait for it")


def check_registrations(url: str) -> Iterator[Finding]:
    hosts = [host for host in HOSTS.values() if host.folder().is_dir()]
    for host in hosts:
        yield from _check_host(host, url)
    if not hosts:
        advice = "`dcm install claude-code` (or codex, gemini) registers hooks all the same"
        yield warning("hooks", "this machine has no folder of an agent host", advice)


def _check_host(host: Host, url: str) -> Iterator[Finding]:
    found: dict[str, list[dict[str, Any]]] = {}
    paths = [host.settings(scope, Path.cwd()) for scope in Scope]
    for path in dict.fromkeys(path for path in paths if path is not None):
        try:
            for event, handlers in registered(path).items():
                found.setdefault(event, []).extend(handlers)
            yield from _check_policy(host, path, url)
        except CannotEdit as error:
            yield problem("hooks", str(error), f"mend it: {host.title} cannot read it either")
    missing = [event for event in host.events if event not in found]
    if not found:
        advice = f"dcm install {host.name}"
        yield warning("hooks", f"{host.title} tells nothing: no hooks are registered", advice)
    elif missing:
        text = f"{host.title} does not tell {', '.join(missing)}"
        yield warning("hooks", text, f"dcm install {host.name}")
    else:
        yield ok("hooks", f"{host.title} tells all {len(found)} kinds of event")
    handlers = [handler for each in found.values() for handler in each]
    yield from _check_addresses(host, handlers, url)
    yield from _check_programs(host, handlers)


def _check_addresses(host: Host, handlers: list[dict[str, Any]], url: str) -> Iterator[Finding]:
    told = {str(each["url"]).removesuffix(HOOK_ROUTE) for each in handlers if "url" in each}
    for address in sorted(told - {url}):
        text = f"{host.title} posts to {address}, this examines {url}"
        yield warning("hooks", text, f"dcm install {host.name} --url {url}")
    for name in sorted({name for each in handlers for name in each.get("allowedEnvVars", ())}):
        if not os.environ.get(name):
            text = f"{host.title} sends the key of {name}, which is not set here"
            yield warning("hooks", text, f"export {name} where {host.title} is started")


def _check_programs(host: Host, handlers: list[dict[str, Any]]) -> Iterator[Finding]:
    commands = {str(each["command"]) for each in handlers if "command" in each}
    for command in sorted(commands):
        program = shlex.split(command)[0]
        if shutil.which(program) is None:
            text = f"{host.title} calls {program}, which is not there"
            yield problem("hooks", text, f"dcm install {host.name} writes the right path")


def _check_policy(host: Host, path: Path, url: str) -> Iterator[Finding]:
    """What keeps Claude Code from running hooks without a word."""
    if host.name is not HostName.CLAUDE_CODE:
        return
    settings = read_settings(path)
    for name in ("disableAllHooks", "allowManagedHooksOnly"):
        if settings.get(name) is True:
            yield problem("hooks", f"{path} has {name}: none of ours runs", "take it out")
    allowed = settings.get("allowedHttpHookUrls")
    if isinstance(allowed, list) and not any(_allows(each, url) for each in allowed):
        advice = f"add {url}/* to it, or use `dcm install --command`"
        yield problem("hooks", f"{path}: allowedHttpHookUrls does not name {url}", advice)


def _allows(pattern: object, url: str) -> bool:
    text = str(pattern)
    return (url + HOOK_ROUTE).startswith(text.partition("*")[0])
