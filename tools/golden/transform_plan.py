#!/usr/bin/env python3
"""Draws of the training transform by an independent Philox4x32-10: prints the rows of TransformPlan.DrawsWhatTheSpecificationSays, then
those of TransformPlan.DrawsBoxesAsRandomResizedCropDoes.

Plain Python, no packages. Stream augment = 1, site = operation * 32 + attempt (CONTRACTS 6); operations as in src/data/transform_plan.hpp.
Options: image_size 192 x 192, all else default; images of 322 x 398.
"""

import math


def philox(counter, key):
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def uniform(seed, operation, attempt, sample, epoch, index):
    word = philox([index // 4, operation * 32 + attempt, sample, epoch], (seed, 1))[index % 4]
    return (word >> 8) / 2**24


def plan(seed, sample, epoch, attempt, height=322, width=398, crop=192):
    u = lambda operation, index: uniform(seed, operation, attempt, sample, epoch, index)
    scale = 0.5 + 1.5 * int(u(0, 1) * 20) / 19
    factor = scale * min(crop / height, crop / width)
    size = [int(side * factor) for side in (height, width)]
    first = []
    for axis in range(2):
        slack = crop - size[axis]
        first.append(slack // 2 if slack >= 0 else -int(u(2, 1 + axis) * (1 - slack)))
    return (*size, *first, u(3, 0) < 0.5)


def box(seed, sample, epoch, height, width, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)):
    """torchvision's RandomResizedCrop: ten tries, then the largest box of an allowed shape in the middle."""
    u = lambda index: uniform(seed, 6, 0, sample, epoch, index)
    between = lambda index, low, high: low + (high - low) * u(index)
    for attempt in range(10):
        i = 1 + 4 * attempt
        area = height * width * between(i, *scale)
        aspect = math.exp(between(i + 1, math.log(ratio[0]), math.log(ratio[1])))
        w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < w <= width and 0 < h <= height:
            return int(u(i + 2) * (height - h + 1)), int(u(i + 3) * (width - w + 1)), h, w
    shape = width / height
    h = round(width / ratio[0]) if shape < ratio[0] else height
    w = round(height * ratio[1]) if shape > ratio[1] else width
    return (height - h) // 2, (width - w) // 2, h, w


assert philox([0] * 4, (0, 0)) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]  # Random123's known answer
for seed, sample, epoch, attempt in ((0, 0, 0, 0), (1, 5, 0, 0), (1, 5, 1, 0), (1, 5, 1, 3), (7, 123456, 2, 20), (4294967295, 9, 40, 0)):
    h, w, top, left, flip = plan(seed, sample, epoch, attempt)
    print(f"{{{seed}U, {sample}, {epoch}, {attempt}, {h}, {w}, {top}, {left}, {str(flip).lower()}}},")

for seed, sample, epoch, height, width in ((0, 0, 0, 375, 500), (1, 5, 0, 375, 500), (1, 5, 1, 500, 333), (7, 123456, 2, 64, 48), (3, 8, 4, 20, 900),
                                           (4294967295, 9, 40, 900, 20), (2, 2, 2, 1, 1)):
    print(f"{{{seed}U, {sample}, {epoch}, {height}, {width}, {{{', '.join(map(str, box(seed, sample, epoch, height, width)))}}}}},")
