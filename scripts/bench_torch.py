"""PyTorch's side of bench.lua: reads "<case> <steps>" a line from standard input, writes seconds per step a line to the
file named on the command line. Not needed by genlat; run by `make bench` where PyTorch is installed."""

import sys
import time

import torch
from torch import nn
import torch.nn.functional as F


def vae_loss(y, x, mean, logvar):
    reconstruction = F.binary_cross_entropy_with_logits(y, x, reduction="sum") / len(x)
    return reconstruction - 0.5 * torch.sum(1 + logvar - mean.pow(2) - logvar.exp()) / len(x)


class VAE(nn.Module):
    """An encoder, Gaussian latents of 20, and a decoder."""

    def __init__(self, encoder, width, decoder):
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.mean, self.logvar = nn.Linear(width, 20), nn.Linear(width, 20)

    def loss(self, x):
        h = self.encoder(x)
        mean, logvar = self.mean(h), self.logvar(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * logvar)
        return vae_loss(self.decoder(z), x, mean, logvar)


def dense_vae():
    encoder = nn.Sequential(nn.Linear(784, 400), nn.ReLU())
    decoder = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784))
    return VAE(encoder, 400, decoder), torch.rand(10, 128, 784)


def conv_vae():
    encoder = nn.Sequential(
        nn.Conv2d(1, 32, 4, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.ReLU(), nn.Flatten(),
        nn.Linear(3136, 256), nn.ReLU(),
    )
    decoder = nn.Sequential(
        nn.Linear(20, 256), nn.ReLU(), nn.Linear(256, 3136), nn.ReLU(), nn.Unflatten(1, (64, 7, 7)),
        nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.ReLU(), nn.ConvTranspose2d(32, 1, 4, 2, 1),
    )
    return VAE(encoder, 256, decoder), torch.rand(10, 128, 1, 28, 28)


def vae_step(make, fused=None):
    model, batches = make()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=fused)

    def step(i):
        loss = model.loss(batches[i % 10])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def dcgan_networks(side, channels, maps):
    """As models/dcgan.lua builds them for sides of 4 * 2^k."""
    doublings = {32: 3, 64: 4}[side]
    g, m = [], maps * 2 ** (doublings - 1)
    g += [nn.ConvTranspose2d(100, m, 4, 1, 0, bias=False), nn.BatchNorm2d(m), nn.ReLU(True)]
    for _ in range(doublings - 1):
        g += [nn.ConvTranspose2d(m, m // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(m // 2), nn.ReLU(True)]
        m //= 2
    g += [nn.ConvTranspose2d(m, channels, 4, 2, 1), nn.Tanh()]
    d = [nn.Conv2d(channels, maps, 4, 2, 1), nn.LeakyReLU(0.2, True)]
    for _ in range(doublings - 1):
        d += [nn.Conv2d(m, m * 2, 4, 2, 1, bias=False), nn.BatchNorm2d(m * 2), nn.LeakyReLU(0.2, True)]
        m *= 2
    d += [nn.Conv2d(m, 1, 4, 1, 0), nn.Flatten()]
    return nn.Sequential(*g), nn.Sequential(*d)


def dcgan_step(side, channels, batch, maps=64, layout=torch.contiguous_format):
    generator, discriminator = dcgan_networks(side, channels, maps)
    generator, discriminator = generator.to(memory_format=layout), discriminator.to(memory_format=layout)
    settings = {"lr": 2e-4, "betas": (0.5, 0.999), "fused": True}
    g_optimizer = torch.optim.Adam(generator.parameters(), **settings)
    d_optimizer = torch.optim.Adam(discriminator.parameters(), **settings)
    real = (torch.rand(batch, channels, side, side) * 2 - 1).to(memory_format=layout)
    one, zero = torch.ones(batch, 1), torch.zeros(batch, 1)
    bce = F.binary_cross_entropy_with_logits

    def step(i):
        fake = generator(torch.randn(batch, 100, 1, 1).to(memory_format=layout))
        loss = bce(discriminator(real), one) + bce(discriminator(fake.detach()), zero)
        d_optimizer.zero_grad()
        loss.backward()
        d_optimizer.step()
        for p in discriminator.parameters():
            p.requires_grad_(False)
        g_loss = bce(discriminator(fake), one)
        g_optimizer.zero_grad()
        g_loss.backward()
        g_optimizer.step()
        for p in discriminator.parameters():
            p.requires_grad_(True)

    return step


def lenet_step():
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    x, labels = torch.rand(128, 1, 28, 28), torch.randint(0, 10, (128,))

    def step(i):
        loss = F.cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


CASES = {
    "vae": lambda: vae_step(dense_vae),
    "vae_fused": lambda: vae_step(dense_vae, True),
    "conv_vae": lambda: vae_step(conv_vae, True),
    "dcgan32": lambda: dcgan_step(32, 1, 128),
    "dcgan32_last": lambda: dcgan_step(32, 1, 128, layout=torch.channels_last),
    "dcgan64": lambda: dcgan_step(64, 3, 64),
    "dcgan64_last": lambda: dcgan_step(64, 3, 64, layout=torch.channels_last),
    "lenet5": lenet_step,
}


def main():
    torch.set_num_threads(int(sys.argv[2]))
    steps = {}
    with open(sys.argv[1], "w") as out:
        print(torch.__version__, file=out, flush=True)
        for line in sys.stdin:
            case, count = line.split()
            if case not in steps:
                steps[case] = CASES[case]()
            begin = time.perf_counter()
            for i in range(int(count)):
                steps[case](i)
            print((time.perf_counter() - begin) / int(count), file=out, flush=True)


main()
