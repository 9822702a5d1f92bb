"""The client side of DCM. Nothing is imported here, so that the hook starts fast."""
