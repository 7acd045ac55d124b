"""Sets of pictures in a folder: what says their labels, masks beside them, sizes and colours."""
