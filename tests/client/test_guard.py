"""`dcm guard` in real repositories: git itself asks it before a commit."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.client.commands import PROGRAM, Dcm
from tests.conftest import Api


@pytest.fixture
def repository(dcm: Dcm) -> Dcm:
    """dcm in a new repository; git finds dcm by the hook alone."""
    git(dcm, "init", "-q")
    git(dcm, "config", "user.email", "ada@example.com")
    git(dcm, "config", "user.name", "Ada")
    return dcm


def git(dcm: Dcm, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["git", *arguments],
        cwd=dcm.folder,
        env=dcm.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def stage(dcm: Dcm, name: str) -> None:
    path = dcm.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    assert git(dcm, "add", "-A").returncode == 0


async def project_in(api: Api, folder: Path, mode: str = "enforce") -> str:
    made = await api.post("/api/projects", json={"path": str(folder)})
    project_id = str(made.json()["project"]["id"])
    await api.put(f"/api/leases/mode/{project_id}", json={"mode": mode})
    return project_id


async def lease(api: Api, project_id: str, *patterns: str, **more: Any) -> None:
    body = {"project_id": project_id, "agent_id": "web", "patterns": patterns, **more}
    assert (await api.post("/api/leases", json=body)).status_code == 201


async def test_git_refuses_what_another_holds_until_it_is_released(
    api: Api, repository: Dcm
) -> None:
    project_id = await project_in(api, repository.folder)
    await lease(api, project_id, "src/**", reason="moves the forms")
    repository.ok("guard", "--install")
    stage(repository, "src/é \n'form'.py")

    refused = git(repository, "commit", "-m", "Mine")
    own = repository("guard", "--as", "web")
    forced = git(repository, "commit", "--no-verify", "-m", "All the same")

    assert refused.returncode == 1
    assert "is held by web until" in refused.stdout + refused.stderr
    assert "moves the forms" in refused.stdout + refused.stderr
    assert (own.code, forced.returncode) == (0, 0)
    stage(repository, "docs/a.md")
    assert git(repository, "commit", "-m", "Elsewhere").returncode == 0


@pytest.mark.parametrize(
    ("mode", "code", "told"), [("off", 0, 0), ("warn", 0, 1), ("enforce", 1, 1)]
)
async def test_the_mode_of_the_project_decides(
    api: Api, repository: Dcm, mode: str, code: int, told: int
) -> None:
    await lease(api, await project_in(api, repository.folder, mode), "**")
    stage(repository, "a.py")

    assert len(repository.json("guard", code=code)) == told
    assert repository("guard", "--strict").code == (1 if told else 0)


async def test_removed_and_renamed_files_count(api: Api, repository: Dcm) -> None:
    project_id = await project_in(api, repository.folder)
    for name in ("gone.py", "old.py"):
        stage(repository, name)
    git(repository, "commit", "-m", "Begin")
    git(repository, "rm", "-q", "gone.py")
    git(repository, "mv", "old.py", "new.py")
    await lease(api, project_id, "gone.py", "old.py")

    told = repository.json("guard", code=1)

    assert {each["path"] for each in told} == {"gone.py", "old.py"}


async def test_it_looks_through_links_and_from_below(
    api: Api, repository: Dcm, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(repository.folder)
    stage(repository, "sub/a.py")
    project_id = await project_in(api, repository.folder)
    await lease(api, project_id, "sub")
    repository.folder = tmp_path / "link" / "sub"

    assert [each["path"] for each in repository.json("guard", code=1)] == ["sub/a.py"]


async def test_where_nothing_is_known_or_staged_nothing_is_refused(
    api: Api, repository: Dcm
) -> None:
    stage(repository, "a.py")
    assert repository.ok("guard", "--strict") == ""
    git(repository, "commit", "-m", "All")
    await lease(api, await project_in(api, repository.folder), "**")
    assert repository.json("guard") == []


def test_a_server_that_is_away_refuses_nothing_unless_asked_to(lonely_dcm: Dcm) -> None:
    git(lonely_dcm, "init", "-q")
    stage(lonely_dcm, "a.py")

    lenient, strict = lonely_dcm("guard"), lonely_dcm("guard", "--strict")

    assert (lenient.code, strict.code) == (0, 3)
    assert lenient.err == strict.err
    assert lenient.err.count("\n") == 1


def test_outside_a_repository_it_says_so(lonely_dcm: Dcm) -> None:
    done = lonely_dcm("guard")

    assert (done.code, done.out) == (2, "")
    assert "not a git repository" in done.err


# --- the hook ---------------------------------------------------------------------------------


def hook_of(dcm: Dcm) -> Path:
    return dcm.folder / ".git" / "hooks" / "pre-commit"


def test_the_hook_comes_and_goes_without_a_trace(repository: Dcm) -> None:
    before = sorted((repository.folder / ".git").rglob("*"))

    first = repository.ok("guard", "--install")
    again = repository.ok("guard", "--install")
    script = hook_of(repository).read_text()
    removed = repository.ok("guard", "--uninstall")

    assert first.startswith("Installed")
    assert again.startswith("Already")
    assert str(PROGRAM) in script
    assert removed.startswith("Removed")
    assert sorted((repository.folder / ".git").rglob("*")) == before
    assert repository.ok("guard", "--uninstall") == "There is none\n"


@pytest.mark.parametrize("kind", ["file", "link", "changed"])
@pytest.mark.parametrize("option", ["--install", "--uninstall"])
def test_a_hook_of_somebody_else_stays(repository: Dcm, kind: str, option: str) -> None:
    hook = hook_of(repository)
    if kind == "file":
        hook.write_text("#!/bin/sh\nexit 0\n")
    elif kind == "link":
        hook.symlink_to("elsewhere")
    else:
        repository.ok("guard", "--install")
        hook.write_text(hook.read_text() + "make lint\n")
    before = str(hook.readlink()) if kind == "link" else hook.read_text()

    done = repository("guard", option)

    assert done.code == 1
    assert "stays as it is" in done.err
    assert (str(hook.readlink()) if kind == "link" else hook.read_text()) == before
