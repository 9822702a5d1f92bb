"""The embedded PostgreSQL, where a test of the whole server would not notice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from dcm.lib.embedded import EmbeddedPostgres
from tests.serve.serving import temporary_home

USERADD = """#!/bin/sh
mkdir "$BUSY" || { echo "somebody else is at it" >&2; exit 1; }
sleep 0.3
rmdir "$BUSY"
"""
"""Not the real one: that would leave its traces on the machine. This one cannot bear company."""

MAKE_USER = """
from dcm.lib import embedded
embedded.SYSTEM_USER = "dcm-nobody-has-this-name"
embedded._service_user()
"""


def test_servers_that_start_at_once_make_the_service_user_in_turn(tmp_path: Path) -> None:
    useradd = tmp_path / "useradd"
    useradd.write_text(USERADD)
    useradd.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "BUSY": str(tmp_path / "busy")}
    command = [sys.executable, "-c", MAKE_USER]
    starting = [
        subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    errors = [process.communicate(timeout=30)[1] for process in starting]
    assert [process.returncode for process in starting] == [0] * 4, errors


def test_a_server_that_was_killed_leaves_nothing_behind_when_it_is_started_again() -> None:
    with temporary_home() as home:
        server = EmbeddedPostgres(home, fsync="off")
        server.start()
        killed = server.pid()
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        server.start()
        try:
            assert server.pid() not in {None, killed}
            assert not psutil.pid_exists(killed)
        finally:
            server.stop()
