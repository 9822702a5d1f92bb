from tests.keys.conftest import make_key, production

__all__ = ["make_key", "production"]
