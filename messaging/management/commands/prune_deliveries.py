from dcm.lib.pruning import PruneCommand
from messaging.pruning import OLD_DELIVERIES


class Command(PruneCommand):
    help = "Delete what is known of the delivery of messages that are a week old."
    pruning = OLD_DELIVERIES
