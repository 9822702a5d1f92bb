"""What a report was measured on."""

import os
import platform
from datetime import UTC, datetime


def machine() -> str:
    day = datetime.now(UTC).date()
    return f"{day}, {os.cpu_count()} cores, Python {platform.python_version()}"
