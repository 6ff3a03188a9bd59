#!/usr/bin/env python3
"""check_layers.py [ROOT]: whether the sources under ROOT/src keep to the map in ROOT/src/README.md.

Read from the map: the layers ("L2  ops    dist") and the table "module | one line | may include | LibTorch". Checked:
  arrows      a module includes only the modules that its row names, and never one of its own layer or above
  LibTorch    only where the last column allows it; torch/torch.h in no header; no ATen or torch in .cu files
  own header  a .cpp with a header of its name includes it first, so that each header is seen to compile alone
  imgcodecs   OpenCV's codecs are used nowhere (CONTRACTS 19)
Prints one line a fault, "file:line: what and why", and exits with 1 when there is any.
"""
import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LAYER = re.compile(r"^L(\d+) +(.+)$")
TORCH = re.compile(r"^(torch|ATen|c10)/")
HEADERS = {".hpp", ".h", ".cuh"}
SOURCES = {".cpp", ".cu"}
OPTIONS_ONLY = "option headers only"  # beside core and io, which such a module reads its options with


class Module:
    def __init__(self, name: str, layer: int, may_include: set, options_only: bool, torch: bool):
        self.name, self.layer, self.may_include, self.options_only, self.torch = name, layer, may_include, options_only, torch


def read_map(text: str) -> dict:
    """The modules by name. "all of L0–L4" and "all" are written out here."""
    layer_of = {}
    for line in text.splitlines():
        if match := LAYER.match(line):
            for name in match.group(2).split():
                layer_of[name] = int(match.group(1))
    modules = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) != 4 or cells[0] not in layer_of:
            continue
        name, allowed, torch = cells[0], re.sub(r"\([^)]*\)", "", cells[2]).strip(), cells[3]
        below = {other for other, layer in layer_of.items() if layer < layer_of[name]}
        if allowed in ("all", OPTIONS_ONLY):
            named = below
        elif match := re.fullmatch(r"all of L0–L(\d)", allowed):
            named = {other for other in below if layer_of[other] <= int(match.group(1))}
        else:
            named = set(allowed.split()) - {"–"}
        for other in named - below:
            sys.exit(f"src/README.md: {name} (L{layer_of[name]}) may not name {other} (L{layer_of.get(other, '?')}): only lower layers")
        modules[name] = Module(name, layer_of[name], named, allowed == OPTIONS_ONLY, torch != "no")
    if missing := set(layer_of) - set(modules):
        sys.exit(f"src/README.md: no row in the table for {', '.join(sorted(missing))}")
    if not modules:
        sys.exit("src/README.md: no layers and no table found")
    return modules


def faults_of(path: pathlib.Path, src: pathlib.Path, modules: dict):
    """Yields (line, text)."""
    relative = path.relative_to(src)
    module = modules[relative.parts[0]]
    own_header = next((str(relative.with_suffix(suffix)) for suffix in HEADERS if path.with_suffix(suffix).exists()), None)
    first = True
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, name = match.groups()
        if path.suffix == ".cpp" and own_header and first and name != own_header:
            yield number, f'the first include must be its own header "{own_header}", so that the header is seen to compile alone'
        first = False
        if "imgcodecs" in name or name == "opencv2/opencv.hpp":
            yield number, f"{name}: OpenCV's imgcodecs are not used (CONTRACTS 19); see src/image"
        if TORCH.match(name):
            if not module.torch:
                yield number, f"{name}: {module.name} is a module without LibTorch"
            if path.suffix in HEADERS and name == "torch/torch.h":
                yield number, "torch/torch.h stands in no header; ATen/core/Tensor.h declares tensors"
            if path.suffix in {".cu", ".cuh"}:
                yield number, f"{name}: kernels take raw pointers and a stream; a .cpp that knows tensors launches them"
        if quote == '"':
            yield from arrow_faults(number, name, relative, module, modules)


def arrow_faults(number: int, name: str, relative: pathlib.Path, module: Module, modules: dict):
    other = name.split("/")[0]
    if "/" not in name or other not in modules:
        yield number, f'"{name}" does not start with a module; includes are written from src/'
    elif other == module.name:
        return
    elif modules[other].layer >= module.layer:
        yield number, f'"{name}": {module.name} (L{module.layer}) does not see {other} (L{modules[other].layer})'
    elif other not in module.may_include:
        yield number, f'"{name}": the row of {module.name} in src/README.md does not name {other}'
    elif module.options_only and other not in ("core", "io") and not name.endswith("_options.hpp"):
        yield number, f'"{name}": {module.name} sees option headers only'


def main() -> None:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent).resolve()
    src = root / "src"
    modules = read_map((src / "README.md").read_text(encoding="utf-8"))
    faults = files = 0
    for path in sorted(src.rglob("*")):
        if path.suffix not in HEADERS | SOURCES:
            continue
        files += 1
        if path.relative_to(src).parts[0] not in modules:
            print(f"{path.relative_to(root)}: this folder has no row in src/README.md")
            faults += 1
            continue
        for line, text in faults_of(path, src, modules):
            print(f"{path.relative_to(root)}:{line}: {text}")
            faults += 1
    print(f"{files} files, {faults} faults")
    sys.exit(1 if faults else 0)


main()
