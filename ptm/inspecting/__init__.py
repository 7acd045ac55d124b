"""What kinds see in a folder of files for `ptm init`: no content depends on it."""
