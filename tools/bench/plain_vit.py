"""A worker of forward_vs_torch.py: the same backbones in plain PyTorch, eager, with scaled_dot_product_attention.

Written for speed within what eager PyTorch offers: one product for q, k and v, one for all patches, fused attention. Commands as
those of forward_bench.cpp: plain_vit.py dinov3/vits16 THREADS BATCH SIZE
"""
import math
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn

# name: width, heads, hidden, patch, registers, rotary positions, epsilon of the norms
ROWS = {
    "dinov3/vits16": (384, 6, 1536, 16, 4, True, 1e-5),
    "dinov3/vitb16": (768, 12, 3072, 16, 4, True, 1e-5),
    "dinov2/vits14": (384, 6, 1536, 14, 4, False, 1e-6),
    "dinov2/vitb14": (768, 12, 3072, 14, 4, False, 1e-6),
}
DEPTH = 12


def turn(x, cos, sin, prefix):
    """Turns the last tokens of [B, h, N, dh]: lane j with lane j + dh/2."""
    head, tail = x[:, :, :prefix], x[:, :, prefix:]
    a, b = tail.chunk(2, dim=-1)
    return torch.cat([head, tail * cos + torch.cat([-b, a], dim=-1) * sin], dim=2)


class Block(nn.Module):
    def __init__(self, dim, heads, hidden, eps, rotary):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=eps), nn.LayerNorm(dim, eps=eps)
        self.qkv, self.proj = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.fc1, self.fc2 = nn.Linear(dim, hidden), nn.Linear(hidden, dim)
        self.ls1, self.ls2 = nn.Parameter(torch.full((dim,), 1e-5)), nn.Parameter(torch.full((dim,), 1e-5))
        self.rotary = rotary
        if rotary:
            mask = torch.ones(3 * dim)
            mask[dim:2 * dim] = 0
            self.register_buffer("bias_mask", mask)

    def forward(self, x, table):
        batch, tokens, dim = x.shape
        normed = self.norm1(x)
        qkv = F.linear(normed, self.qkv.weight, self.qkv.bias * self.bias_mask) if self.rotary else self.qkv(normed)
        q, k, v = qkv.view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        if self.rotary:
            cos, sin = table
            q, k = turn(q, cos, sin, tokens - cos.shape[0]), turn(k, cos, sin, tokens - cos.shape[0])
        mixed = F.scaled_dot_product_attention(q, k, v)
        x = x + self.proj(mixed.transpose(1, 2).reshape(batch, tokens, dim)) * self.ls1
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x)))) * self.ls2


class Vit(nn.Module):
    def __init__(self, dim, heads, hidden, patch, registers, rotary, eps, size):
        super().__init__()
        self.grid, self.registers, self.rotary, self.head_dim = size // patch, registers, rotary, dim // heads
        self.patch_embed = nn.Conv2d(3, dim, patch, patch)
        self.cls_token, self.storage = nn.Parameter(torch.randn(1, 1, dim) * 0.02), nn.Parameter(torch.randn(1, registers, dim) * 0.02)
        if not rotary:
            self.pos_embed = nn.Parameter(torch.randn(1, 1 + self.grid**2, dim) * 0.02)
        self.blocks = nn.ModuleList(Block(dim, heads, hidden, eps, rotary) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(dim, eps=eps)

    def table(self):
        """Cosine and sine [P, dh] of the grid's angles."""
        quarter = self.head_dim // 4
        periods = 100.0 ** (torch.arange(quarter) / quarter)
        centres = 2 * (torch.arange(self.grid) + 0.5) / self.grid - 1
        yx = torch.stack(torch.meshgrid(centres, centres, indexing="ij"), -1).view(-1, 2, 1)
        angles = (2 * math.pi * yx / periods).view(-1, 2 * quarter).repeat(1, 2)
        return angles.cos(), angles.sin()

    def forward(self, images):
        batch = images.shape[0]
        patches = self.patch_embed(images).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(batch, -1, -1), patches], 1)
        if not self.rotary:
            x = x + self.pos_embed
        x = torch.cat([x[:, :1], self.storage.expand(batch, -1, -1), x[:, 1:]], 1)
        table = self.table() if self.rotary else None
        for block in self.blocks:
            x = block(x, table)
        x = self.norm(x)
        return x[:, 0], x[:, 1:1 + self.registers], x[:, 1 + self.registers:]


def status(key):
    """Of /proc/self/status, in MiB."""
    with open("/proc/self/status") as lines:
        return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(key))


def main():
    name, threads, batch, size = sys.argv[1], *map(int, sys.argv[2:5])
    torch.set_num_threads(threads)
    torch.set_num_interop_threads(1)
    model, images = None, None

    def build():
        nonlocal model, images
        model, images = Vit(*ROWS[name], size), torch.randn(batch, 3, size, size)

    def forward():
        with torch.inference_mode():
            model(images)

    def train():
        model.zero_grad()
        sum(part.square().mean() for part in model(images)).backward()

    print("ready", flush=True)
    for line in sys.stdin:
        command = line.strip()
        if command == "memory":
            print(f"{status('VmRSS'):.1f} {status('VmHWM'):.1f}", flush=True)
        elif command == "reset":
            with open("/proc/self/clear_refs", "w") as refs:
                refs.write("5")
            print("done", flush=True)
        else:
            begin = time.perf_counter()
            {"build": build, "forward": forward, "train": train}[command.split()[0]]()
            print(f"{time.perf_counter() - begin:.6f}", flush=True)


if __name__ == "__main__":
    main()
