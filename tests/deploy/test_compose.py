"""docker-compose.yml says what the program understands; `make check` knows its schema."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from dcm.env import NAMES
from tests.deploy.fronts import DEPLOY, needed
from tests.serve.serving import ROOT

OF_OTHERS = {"FORWARDED_ALLOW_IPS"}  # of uvicorn
NOT_FOR_DCM = {"DCM_IMAGE", "WEB_REPLICAS", "BIND_ADDRESS"}
PORTS = {"3847", "3848", "3849", "3030"}


@pytest.fixture(scope="module")
def compose() -> Any:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_every_variable_is_one_that_the_server_reads(compose: Any) -> None:
    for name in ("migrate", "web"):
        assert set(compose["services"][name]["environment"]) <= NAMES | OF_OTHERS


def test_what_env_has_to_say_is_documented() -> None:
    wanted = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))

    assert wanted <= NAMES | NOT_FOR_DCM
    told = (ROOT / "docs/deployment.md").read_text()
    assert [name for name in wanted if f"`{name}`" not in told] == []


def test_services_wait_for_what_they_need(compose: Any) -> None:
    services = compose["services"]

    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            assert name in services
            if how["condition"] == "service_healthy":
                # That of the image, for those that are built.
                assert "build" in services[name] or "test" in services[name]["healthcheck"]
    assert set(services["web"]["depends_on"]) == {"migrate", "redis"}


def test_the_balancer_passes_on_all_ports_and_only_it_is_published(compose: Any) -> None:
    published = {
        name: each["ports"] for name, each in compose["services"].items() if "ports" in each
    }
    sites = re.findall(
        r"^:(\d+) \{", (DEPLOY / "caddy/balancer.Caddyfile").read_text(), re.MULTILINE
    )

    assert set(published) == {"balancer"}
    assert {each.rpartition(":")[2] for each in published["balancer"]} == PORTS == set(sites)


def test_what_is_mounted_is_there(compose: Any) -> None:
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            there = (
                (ROOT / source).exists() if source.startswith(".") else source in compose["volumes"]
            )
            assert there, source


@pytest.mark.parametrize("file", sorted((DEPLOY / "caddy").iterdir()), ids=lambda file: file.name)
def test_caddy_understands_its_files(file: Path, tmp_path: Path) -> None:
    program = needed("caddy", "caddy")
    copy = shutil.copy(file, tmp_path)

    done = subprocess.run(
        [program, "validate", "--adapter", "caddyfile", "--config", copy],
        capture_output=True,
        text=True,
        check=False,
        env={"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
    )

    assert done.returncode == 0, done.stderr
