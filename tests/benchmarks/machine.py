"""Where a report was made, and how far it has come."""

import os
import platform
import sys
from datetime import UTC, datetime


def machine() -> str:
    day = datetime.now(UTC).date()
    return f"{day}, {os.cpu_count()} cores, Python {platform.python_version()}"


def tell(step: str) -> None:
    sys.stderr.write(f"{step}\n")
