"""The bikes of tomorrow, by a network that sees the last seven days, and by this day last week."""

import sys
from pathlib import Path

import torch

import ptm


def main(data="data", artifacts="artifacts"):
    catalog = ptm.load_catalog(Path(__file__).with_name("catalog.toml"), data=data)
    ptm.tensorize(catalog["rentals"], artifacts=artifacts)
    ptm.tensorize(catalog["days"], artifacts=artifacts)  # of rentals, by days.py
    days = ptm.load("days", artifacts=artifacts)

    torch.manual_seed(0)
    linear, relu = torch.nn.Linear, torch.nn.ReLU
    model = torch.nn.Sequential(linear(7 * 24, 64), relu(), linear(64, 24))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loader = days.loader("train", batch_size=64, seed=0)
    for _ in range(80):
        for batch in loader:
            loss = (model(batch["week"]) - batch["day"]).abs().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    test = {name: torch.from_numpy(array) for name, array in days.dataset("test").numpy().items()}
    rented = days.invert("day", test["day"])  # standardised values to bikes
    by_model = days.invert("day", model(test["week"]).detach())
    by_last_week = days.invert("week", test["week"])[:, :, :24]  # its first day
    off = [(guess - rented).abs().mean().item() for guess in (by_model, by_last_week)]
    print("off by {:.1f} bikes an hour; the same day last week by {:.1f}".format(*off))
    return off


if __name__ == "__main__":
    main(*sys.argv[1:])
