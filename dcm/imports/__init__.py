"""Copies a database of the original service into ours: `manage.py import_dcm`. Contract: rest 3."""
