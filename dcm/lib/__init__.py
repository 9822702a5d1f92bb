"""The kernel: what every app stands on. It knows no app."""
