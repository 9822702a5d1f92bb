from tests.admin.conftest import browser, login
from tests.keys.conftest import make_key, production

__all__ = ["browser", "login", "make_key", "production"]
