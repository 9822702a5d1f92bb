"""Every route of the server, once: what is sent, and what comes back.

Names are those of the original SDK where it has the method. Methods that list are iterators, which
fetch page by page.
"""

from dcm_client.routes.actions import ActionRoutes
from dcm_client.routes.claims import ClaimRoutes
from dcm_client.routes.leases import LeaseRoutes
from dcm_client.routes.messages import MessageRoutes
from dcm_client.routes.projects import ProjectRoutes
from dcm_client.routes.server import ServerRoutes
from dcm_client.routes.sessions import SessionRoutes
from dcm_client.routes.sharing import SharingRoutes
from dcm_client.routes.tasks import TaskRoutes

__all__ = ["Routes"]


class Routes(
    ServerRoutes,
    ProjectRoutes,
    TaskRoutes,
    ActionRoutes,
    SessionRoutes,
    ClaimRoutes,
    LeaseRoutes,
    MessageRoutes,
    SharingRoutes,
):
    """All of them."""
