"""PyTorch's side of bench.lua: reads "<case> <steps>" a line from standard input, writes seconds per step a line to the
file named on the command line. Not needed by genlat; run by `make bench` where PyTorch is installed."""

import sys
import time

import torch
from torch import nn
import torch.nn.functional as F


class VAE(nn.Module):
    """784-400-20-400-784, as in bench.lua."""

    def __init__(self):
        super().__init__()
        self.first, self.mean, self.logvar = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.third, self.last = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, x):
        h = F.relu(self.first(x))
        mean, logvar = self.mean(h), self.logvar(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)
        return self.last(F.relu(self.third(z))), mean, logvar


def vae_step(fused):
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)
    batches = torch.rand(20, 128, 784)

    def step(i):
        x = batches[i % 20]
        y, mean, logvar = model(x)
        reconstruction = F.binary_cross_entropy_with_logits(y, x, reduction="sum") / 128
        kl = -0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp()) / 128
        loss = reconstruction + kl
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def main():
    torch.set_num_threads(int(sys.argv[2]))
    cases = {"vae": vae_step(None), "vae_fused": vae_step(True)}
    with open(sys.argv[1], "w") as out:
        print(torch.__version__, file=out, flush=True)
        for line in sys.stdin:
            case, steps = line.split()
            begin = time.perf_counter()
            for i in range(int(steps)):
                cases[case](i)
            print((time.perf_counter() - begin) / int(steps), file=out, flush=True)


main()
