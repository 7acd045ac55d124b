"""The next letter of a novel, by a network that read other chapters, and by the commonest one."""

import sys
from pathlib import Path

import torch
from torch import nn

import ptm


def main(data="data", artifacts="artifacts"):
    catalog = ptm.load_catalog(Path(__file__).with_name("catalog.toml"), data=data)
    ptm.tensorize(catalog["novel"], artifacts=artifacts)
    ptm.tensorize(catalog["letters"], artifacts=artifacts)  # of the novel, by letters.py
    letters = ptm.load("letters", artifacts=artifacts)
    known = letters.manifest["facts"]["known"]

    torch.manual_seed(0)
    layers = nn.Linear(8 * 16, 128), nn.ReLU(), nn.Linear(128, known)
    model = nn.Sequential(nn.Embedding(known, 16), nn.Flatten(), *layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for batch in letters.loader("train", batch_size=512, seed=0):
        loss = nn.functional.cross_entropy(model(batch["before"]), batch["target"])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    train, test = (letters.dataset(split).numpy() for split in ("train", "test"))
    commonest = torch.from_numpy(train["target"]).bincount().argmax().item()
    guessed = model(torch.from_numpy(test["before"])).argmax(1).numpy()
    by_model, by_count = ((test["target"] == guess).mean() for guess in (guessed, commonest))
    print(f"{by_model:.1%} of the letters told by the network, {by_count:.1%} by the commonest")
    return by_model, by_count


if __name__ == "__main__":
    main(*sys.argv[1:])
