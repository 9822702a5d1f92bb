"""Geometry of the pictures that the server draws; the templates turn it into SVG."""
