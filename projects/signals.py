"""What apps above may hear."""

from django.dispatch import Signal

actions_recorded = Signal()
"""New actions were stored; sent inside their transaction. actions: list[NewAction]."""

project_deleting = Signal()
"""A project goes; its requests are gone already. Sent inside the transaction. project_id: UUID.

What else belongs to it is deleted next, by the database and in any order. So whoever locks several
such rows at once elsewhere locks them here, in the same order.
"""

subtasks_ready = Signal()
"""The last that these subtasks waited for is done. subtasks: list[Subtask]; blocker: Subtask.

Sent inside the transaction, with the subtasks and their project locked, before it publishes.
"""
