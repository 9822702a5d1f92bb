"""`dcm install` and `dcm uninstall`: settings of others, changed and put back."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.client.commands import PROGRAM, Dcm
from tests.client.hooks import tool_call
from tests.conftest import Api

USERS = {
    "model": "opus",
    "hooks": {
        "PostToolUse": [{"matcher": "Edit", "hooks": [{"type": "command", "command": "fmt é"}]}],
        "Stop": [],
    },
    "permissions": {"allow": ["Bash(ls:*)"]},
}
FILES = {
    "claude-code": ".claude/settings.json",
    "codex": ".codex/hooks.json",
    "gemini": ".gemini/settings.json",
}
CONTENTS = [
    None,
    b"",
    b"{}",
    b'{"hooks": {}}',
    b'{\n\t"hooks" : { } }\n\n',
    json.dumps(USERS).encode(),
    json.dumps(USERS, indent=4, ensure_ascii=False).encode(),
    json.dumps(USERS, indent=2).replace("\n", "\r\n").encode() + b"\r\n",
]


def settings_of(dcm: Dcm, host: str = "claude-code") -> Path:
    return dcm.home / FILES[host]


def handlers(settings: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {
        event: [handler for group in groups for handler in group["hooks"]]
        for event, groups in settings["hooks"].items()
    }


@pytest.mark.parametrize("host", FILES)
@pytest.mark.parametrize("content", CONTENTS)
def test_uninstalling_gives_back_the_very_bytes(
    lonely_dcm: Dcm, host: str, content: bytes | None
) -> None:
    path = settings_of(lonely_dcm, host)
    if content is not None:
        path.parent.mkdir()
        path.write_bytes(content)
        path.chmod(0o640)

    lonely_dcm.ok("install", host)
    installed = path.read_bytes()
    lonely_dcm.ok("install", host)
    again = path.read_bytes()
    lonely_dcm.ok("uninstall", host)

    assert installed == again != content
    if content is None:
        assert not path.parent.exists()
    else:
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == 0o640


def test_what_is_there_stays_and_ours_comes_after(lonely_dcm: Dcm) -> None:
    path = settings_of(lonely_dcm)
    path.parent.mkdir()
    path.write_text(json.dumps(USERS, indent=4))

    lonely_dcm.ok("install")

    settings = json.loads(path.read_text())
    assert settings["model"] == "opus"
    assert settings["permissions"] == USERS["permissions"]
    assert settings["hooks"]["PostToolUse"][0] == USERS["hooks"]["PostToolUse"][0]  # type: ignore[index]
    assert path.read_text().startswith('{\n    "model"')


def test_claude_code_posts_itself_except_at_the_start(lonely_dcm: Dcm) -> None:
    lonely_dcm.ok("install", "claude-code")

    found = handlers(json.loads(settings_of(lonely_dcm).read_text()))
    (start,) = found.pop("SessionStart")
    assert start["type"] == "command"
    assert Path(start["command"].split()[0]).name == "dcm-hook"
    assert len(found) > 10
    for (handler,) in found.values():
        assert handler["type"] == "http"
        assert handler["url"] == f"{lonely_dcm.url}/api/hooks/claude-code"
        assert "headers" not in handler


def test_a_key_goes_along_by_the_name_of_its_variable(lonely_dcm: Dcm) -> None:
    lonely_dcm.more = {"DCM_TOKEN": "quiet"}

    lonely_dcm.ok("install", "claude-code")

    text = settings_of(lonely_dcm).read_text()
    (handler,) = handlers(json.loads(text))["Stop"]
    assert handler["headers"] == {"Authorization": "Bearer $DCM_TOKEN"}
    assert handler["allowedEnvVars"] == ["DCM_TOKEN"]
    assert "quiet" not in text


async def test_what_was_installed_as_commands_works(api: Api, dcm: Dcm) -> None:
    dcm.ok("install", "claude-code", "gemini", "codex", "--command")

    for number, (host, event) in enumerate(
        {"claude-code": "PostToolUse", "gemini": "AfterTool", "codex": "PostToolUse"}.items()
    ):
        (handler,) = handlers(json.loads(settings_of(dcm, host).read_text()))[event]
        told = tool_call(hook_event_name=event, session_id=f"run-{number}")
        # As hosts do: by a shell, in an environment that knows nothing of the server.
        done = subprocess.run(
            handler["command"],
            shell=True,
            input=json.dumps(told).encode(),
            env={"PATH": "/usr/bin:/bin", "HOME": str(dcm.home), "DCM_HOOK_TIMEOUT": "10"},
            capture_output=True,
            timeout=30,
            check=True,
        )
        assert (done.stdout, done.stderr) == (b"", b"")
        found = (await api.get(f"/api/actions?session_id=run-{number}")).json()["actions"]
        assert [each["tool_name"] for each in found] == ["Bash"]


def test_a_project_has_settings_that_do_not_name_this_machine(lonely_dcm: Dcm) -> None:
    lonely_dcm.ok("install", "claude-code", "--scope", "project")
    lonely_dcm.ok("install", "claude-code", "--scope", "local")

    project = lonely_dcm.folder / ".claude/settings.json"
    (start,) = handlers(json.loads(project.read_text()))["SessionStart"]
    assert start["command"] == f"dcm-hook --url {lonely_dcm.url}"
    assert (lonely_dcm.folder / ".claude/settings.local.json").exists()
    assert not settings_of(lonely_dcm).exists()

    lonely_dcm.ok("uninstall", "claude-code", "--scope", "local")
    lonely_dcm.ok("uninstall", "claude-code", "--scope", "project")
    assert list(lonely_dcm.folder.iterdir()) == []


def test_a_dry_run_shows_and_changes_nothing(lonely_dcm: Dcm) -> None:
    path = settings_of(lonely_dcm)
    path.parent.mkdir()
    path.write_text('{\n  "model": "opus"\n}\n')

    shown = lonely_dcm.ok("install", "--dry-run")

    assert shown.startswith(f"--- {path}\n+++ {path}\n@@ ")
    assert '-  "model": "opus"\n+  "model": "opus",\n+  "hooks": {\n' in shown
    assert path.read_text() == '{\n  "model": "opus"\n}\n'
    assert not (lonely_dcm.home / ".local").exists()
    (told,) = lonely_dcm.json("install", "--dry-run")
    assert (told["changed"], told["diff"]) == (False, shown)


def test_another_address_replaces_the_first(lonely_dcm: Dcm) -> None:
    path = settings_of(lonely_dcm)
    path.parent.mkdir()
    path.write_bytes(b"{ }")

    lonely_dcm.ok("install", "--url", "http://127.0.0.1:1")
    lonely_dcm.ok("install", "--url", "http://127.0.0.1:2")

    assert "127.0.0.1:1/" not in path.read_text()
    assert "127.0.0.1:2/" in path.read_text()
    lonely_dcm.ok("uninstall")
    assert path.read_bytes() == b"{ }"


def test_what_was_changed_since_is_kept(lonely_dcm: Dcm) -> None:
    path = settings_of(lonely_dcm)
    lonely_dcm.ok("install", "claude-code")
    settings = json.loads(path.read_text())
    settings["model"] = "haiku"
    mine = {"type": "command", "command": "notify-send done"}
    settings["hooks"]["Stop"][0]["hooks"].append(mine)
    path.write_text(json.dumps(settings, indent=2))

    lonely_dcm.ok("install", "claude-code")
    lonely_dcm.ok("uninstall", "claude-code")

    assert json.loads(path.read_text()) == {
        "hooks": {"Stop": [{"hooks": [mine]}]},
        "model": "haiku",
    }


def test_settings_behind_a_link_are_changed_where_they_are(lonely_dcm: Dcm) -> None:
    path, real = settings_of(lonely_dcm), lonely_dcm.home / "dotfiles.json"
    path.parent.mkdir()
    real.write_text("{}")
    path.symlink_to(real)

    lonely_dcm.ok("install")

    assert path.is_symlink()
    assert "dcm-hook" in real.read_text()


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b"5",
        b'{"hooks": []}',
        b'{"hooks": {"Stop": {}}}',
        b'{"a": 1, "a": 2}',
        b"// mine\n{}",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_edited_safely_is_left_alone(lonely_dcm: Dcm, content: bytes) -> None:
    path = settings_of(lonely_dcm)
    path.parent.mkdir()
    path.write_bytes(content)

    done = lonely_dcm("install")

    assert done.code == 1
    assert done.err.startswith(f"dcm: {path} ")
    assert path.read_bytes() == content
    assert lonely_dcm("uninstall").code == 1
    assert path.read_bytes() == content


@pytest.mark.parametrize("variable", ["XDG_STATE_HOME", "CLAUDE_CONFIG_DIR"])
def test_where_nothing_can_be_written_nothing_is_changed(lonely_dcm: Dcm, variable: str) -> None:
    path = settings_of(lonely_dcm)
    path.parent.mkdir()
    path.write_bytes(b"{}")
    lonely_dcm.more = {variable: "/proc"}

    done = lonely_dcm("install", "claude-code")

    assert done.code == 1
    assert "cannot be written" in done.err
    assert path.read_bytes() == b"{}"


def test_a_disk_that_is_full_leaves_the_settings_as_they_are(lonely_dcm: Dcm) -> None:
    path = settings_of(lonely_dcm)
    path.parent.mkdir()
    path.write_bytes(b"{}")
    program = f'ulimit -f 0; trap "" XFSZ; exec {PROGRAM} install'

    done = subprocess.run(
        ["/bin/bash", "-c", program],
        env=lonely_dcm.environment(),
        cwd=lonely_dcm.folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert path.read_bytes() == b"{}"
    assert [each.name for each in path.parent.iterdir()] == ["settings.json"]
