"""The suite's own environment, set before Django reads its settings (`-p tests.environment`).

TEST_DATABASE=external takes the PostgreSQL at TEST_DATABASE_URL and the Redis at TEST_REDIS_URL; by
default the suite brings an embedded PostgreSQL and does without Redis. Workers of one run (-n 2)
have a database and a number in Redis each.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from dcm.env import Env

for field in Env.__dataclass_fields__:
    os.environ.pop(field.upper(), None)
os.environ.pop("NODE_ENV", None)

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
HOME = Path(tempfile.mkdtemp(prefix="dcm-tests-"))
HOME.chmod(0o711)
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["DCM_HOME"] = str(HOME)
os.environ["LOG_LEVEL"] = "WARNING"

if os.environ.get("TEST_DATABASE") == "external":
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
    if redis := os.environ.get("TEST_REDIS_URL"):
        number = int(urlsplit(redis).path.strip("/") or 0) + WORKER
        os.environ["REDIS_URL"] = urlsplit(redis)._replace(path=f"/{number}").geturl()
