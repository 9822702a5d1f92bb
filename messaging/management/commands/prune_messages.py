from dcm.lib.pruning import PruneCommand
from messaging.pruning import EXPIRED_MESSAGES


class Command(PruneCommand):
    help = "Delete messages whose time is over. A running server does so every minute."
    pruning = EXPIRED_MESSAGES
