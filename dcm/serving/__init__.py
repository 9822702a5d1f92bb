"""What `manage.py serve` is made of: its ports, its database, its processes."""
