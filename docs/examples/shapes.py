"""Triangles, squares and circles in noise, told by a network: a folder of pictures for each."""

import sys
from pathlib import Path

import torch
from drawing import draw
from torch import nn

import ptm


def main(data="data", artifacts="artifacts"):
    draw(Path(data, "shapes"))
    catalog = ptm.load_catalog(Path(__file__).with_name("catalog.toml"), data=data)
    ptm.tensorize(catalog["shapes"], artifacts=artifacts)
    shapes = ptm.load("shapes", artifacts=artifacts)

    torch.manual_seed(0)
    looking = nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU()
    model = nn.Sequential(*looking, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(32, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    loader = shapes.loader("train", batch_size=64, seed=0)
    for _ in range(8):
        for batch in loader:
            loss = nn.functional.cross_entropy(model(batch["images"]), batch["target"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    test = shapes.dataset("test").numpy()
    told = model(torch.from_numpy(test["images"])).argmax(1).numpy()
    right = (told == test["target"]).mean()
    print(f"{len(told)} shapes: {right:.1%} told")
    return right


if __name__ == "__main__":
    main(*sys.argv[1:])
