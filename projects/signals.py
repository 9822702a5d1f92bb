"""What apps above may hear."""

from django.dispatch import Signal

actions_recorded = Signal()
"""New actions were stored; sent inside their transaction. actions: list[NewAction]."""
