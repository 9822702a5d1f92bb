"""What a key looks like: dcm_<8>_<43>, letters and digits; the 43 hold 256 bits."""

import hashlib
import re
import secrets
import string

_ALPHABET = string.ascii_letters + string.digits
_KEY = re.compile(r"dcm_([0-9A-Za-z]{8})_[0-9A-Za-z]{43}")


def new_key() -> tuple[str, str]:
    """The part that may be shown, and the key."""
    shown = _random(8)
    return shown, f"dcm_{shown}_{_random(43)}"


def id_of(key: str) -> str | None:
    """The part that may be shown; None when it is no key of ours."""
    found = _KEY.fullmatch(key)
    return found[1] if found else None


def digest_of(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
