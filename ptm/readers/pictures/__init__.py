"""Pictures: bytes to pixels of 8 bits."""
