"""What is shown of images: the first of them, with their names and labels, and with their masks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ptm.kinds.images.samples import IMAGES, MASKS
from ptm.model import Artifact, View
from ptm.readers.pictures.colors import white_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

MARKED = (255.0, 0.0, 0.0)  # the colour that a mask is shown in


def pictures(artifact: Artifact) -> Iterator[View]:
    """The first images, each with its name and its label."""
    from ptm import draw

    shape = tuple(artifact.manifest["tensors"][IMAGES]["shape"])
    count, channels, height, width = shape
    first = next(part for part in artifact.parts if part.ref.files)
    pixels = _pixels(artifact, first.tensors[IMAGES].numpy())
    names = _names(first.rows, len(pixels))
    yield View(
        "contact-sheet",
        f"The first of {count} images of {channels} channels, {height} x {width} pixels, as they "
        "were before any scaling.",
        picture=draw.contact_sheet(pixels, names, shape),
        title=f"{artifact.name}: contact sheet",
    )
    if MASKS in first.tensors and pixels.dtype.kind == "u":
        masks = (first.tensors[MASKS].numpy()[: len(pixels)] != 0).astype("uint8") * 255
        values = artifact.manifest["facts"]["mask_values"]
        few = ", ".join(map(str, values[:10])) + (", …" if len(values) > 10 else "")
        yield View(
            "masks",
            f"The same, red where their masks are not 0. The values of all masks are {few}.",
            picture=draw.contact_sheet(_marked(pixels, masks), names, shape),
            title=f"{artifact.name}: masks",
        )


def _names(rows: Any, count: int) -> list[str]:
    """Names of the files, with the labels where the folder does not say them."""
    if rows is None:
        return []
    names: list[str] = rows["file"].iloc[:count].tolist()
    if "label" not in rows:
        return names
    labels = rows["label"].iloc[:count].tolist()
    return [
        name if str(label) in name.split("/") else f"{name}: {label}"
        for name, label in zip(names, labels, strict=True)
    ]


def _pixels(artifact: Artifact, images: NDArray[Any]) -> NDArray[Any]:
    """The first images as they were before any scaling, small, uint8; floats as they are."""
    import numpy as np
    import torch

    from ptm import draw

    small = draw.thumbnails(images)
    # means of scaled pixels are scaled means of pixels
    scaled = torch.from_numpy(small)
    raw = artifact.raw(IMAGES, scaled) if small.shape[1] == images.shape[1] else scaled
    divisor = _divisor(artifact, images)
    pixels: NDArray[Any] = raw.numpy()
    if divisor == 1.0:
        return pixels
    return (pixels * (255.0 / divisor)).round().clip(0, 255).astype(np.uint8)


def _divisor(artifact: Artifact, images: NDArray[Any]) -> float:
    """The value that is white in the files."""
    learned = artifact.learned
    if learned is not None and IMAGES in learned.scalers:
        return learned.scalers[IMAGES].divisor
    return white_of(images.dtype)


def _marked(pixels: NDArray[Any], masks: NDArray[Any]) -> NDArray[Any]:
    """Images, uint8 [n, 1 or 3, height, width], red where masks are, half as bright."""
    import numpy as np

    from ptm import draw

    share = draw.thumbnails(masks[:, None]) / 510.0
    colors = np.broadcast_to(np.array(MARKED)[:, None, None], (3, *share.shape[2:]))
    mixed = pixels * (1 - share) + colors * share
    marked: NDArray[Any] = mixed.round().clip(0, 255).astype(np.uint8)
    return marked
