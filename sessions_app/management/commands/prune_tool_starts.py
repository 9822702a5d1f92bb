from dcm.lib.pruning import PruneCommand
from sessions_app.pruning import TOOL_STARTS


class Command(PruneCommand):
    help = "Forget when tool calls began whose end was not told within a day."
    pruning = TOOL_STARTS
