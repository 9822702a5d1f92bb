from tests.admin.conftest import login

__all__ = ["login"]
