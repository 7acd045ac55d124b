"""The unit of an unknown thermometer: the fit of the book, validated on two readings left out."""

import sys
from pathlib import Path

import torch

import ptm


def main(data=Path(__file__).parent, artifacts="artifacts"):  # data: where splits.csv is
    catalog = ptm.load_catalog(Path(__file__).with_name("catalog.toml"), data=data)
    ptm.tensorize(catalog["thermometer"], artifacts=artifacts)
    thermometer = ptm.load("thermometer", artifacts=artifacts)
    train, val = (thermometer.dataset(split).numpy() for split in ("train", "val"))

    params = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.SGD([params], lr=0.01)

    def loss_on(readings):
        celsius = params[0] * torch.from_numpy(0.1 * readings["features"][:, 0]) + params[1]
        return (celsius - torch.from_numpy(readings["target"])).square().mean()

    losses = {}
    for epoch in range(1, 3001):
        loss = loss_on(train)
        if epoch <= 3 or epoch % 500 == 0:
            losses[epoch] = loss.item(), loss_on(val).item()
            print("epoch {}: training {:.4f}, validation {:.4f}".format(epoch, *losses[epoch]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("celsius = {:.4f} * 0.1 * reading + {:.4f}".format(*params.tolist()))
    return params.tolist(), losses


if __name__ == "__main__":
    main(*sys.argv[1:])
