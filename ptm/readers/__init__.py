"""Readers: files in, arrays and text out; plain arguments, and BadInput for what is wrong."""
