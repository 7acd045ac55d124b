"""Good wine, told by a small network and by the threshold of the book, of wines left out."""

import sys
from pathlib import Path

import torch

import ptm


def main(data="data", artifacts="artifacts"):
    catalog = ptm.load_catalog(Path(__file__).with_name("catalog.toml"), data=data)
    ptm.tensorize(catalog["wines"], artifacts=artifacts)
    wines = ptm.load("wines", artifacts=artifacts)

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(11, 64), torch.nn.ReLU(), torch.nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loader = wines.loader("train", batch_size=256, seed=0)
    for _ in range(20):
        for batch in loader:
            is_good = (batch["target"] > 5).float()
            logits = model(batch["features"])[:, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, is_good)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    val = wines.dataset("val")
    table, features = val.to_pandas(), torch.from_numpy(val.numpy()["features"])
    is_good = table["quality"] > 5
    by_model = ((model(features)[:, 0] > 0).numpy() == is_good).mean()
    by_threshold = ((table["total sulfur dioxide"] < 141.83) == is_good).mean()
    print(f"{len(val)} wines: {by_model:.1%} told by the network, {by_threshold:.1%} by the book")
    return by_model, by_threshold


if __name__ == "__main__":
    main(*sys.argv[1:])
