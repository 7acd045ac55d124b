"""Draws the pictures of shapes.py: a folder for each class; any size, anywhere, in noise."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw


def draw(folder, of_each=300):
    random = np.random.default_rng(0)
    for shape, sides in {"triangle": 3, "square": 4, "circle": 60}.items():
        Path(folder, shape).mkdir(parents=True, exist_ok=True)
        for number in range(of_each):
            image = Image.fromarray(random.integers(0, 150, (24, 24), np.uint8))
            around = (*random.uniform(8, 16, 2), random.uniform(6, 9))  # a circle: x, y, radius
            ImageDraw.Draw(image).regular_polygon(around, sides, fill=150)
            image.save(Path(folder, shape, f"{number}.png"))
