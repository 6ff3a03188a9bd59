#!/usr/bin/env python3
"""unpack_wheels.py DEST cpu|cuda WHEEL...: the C++ part of PyPI's torch and nvidia wheels, in the layout of site-packages.

The libraries find each other by a RUNPATH relative to that layout (torch/ beside nvidia/), so it is kept. Of torch only headers
and the libraries that a C++ program loads are unpacked: 0.5 of 1.25 GB. With `cuda` everything but the Python bindings.
"""
import os
import pathlib
import sys
import zipfile

CPU_LIBRARIES = ("libtorch_cpu.so", "libc10.so", "libgomp", "libshm.so")
PYTHON_LIBRARIES = ("libtorch_python",)


def is_wanted(name: str, kind: str) -> bool:
    if name.startswith("nvidia/"):
        return True
    if name.startswith("torch/include/"):
        return True
    if name.startswith("torch/lib/") and name.count("/") == 2:
        library = name.rsplit("/", 1)[1]
        return library.startswith(CPU_LIBRARIES) if kind == "cpu" else not library.startswith(PYTHON_LIBRARIES)
    return False


def unpack(wheel: pathlib.Path, dest: pathlib.Path, kind: str) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for entry in archive.infolist():
            if entry.is_dir() or not is_wanted(entry.filename, kind):
                continue
            path = archive.extract(entry, dest)
            mode = entry.external_attr >> 16
            os.chmod(path, 0o755 if mode & 0o111 else 0o644)  # zipfile drops the bit that nvcc needs


def complete_toolkit(root: pathlib.Path) -> None:
    """CMake looks for lib64 and for names without a version; the nvcc wheel has neither."""
    lib = root / "lib"
    if not (root / "bin" / "nvcc").exists() or not lib.exists():
        return
    if not (root / "lib64").exists():
        (root / "lib64").symlink_to("lib")
    for versioned in sorted(lib.glob("lib*.so.*")):
        plain = lib / (versioned.name.split(".so.")[0] + ".so")
        if not plain.exists():
            plain.symlink_to(versioned.name)


def main() -> None:
    dest, kind, wheels = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    for wheel in wheels:
        print(f"unpacking {wheel}", flush=True)
        unpack(pathlib.Path(wheel), dest, kind)
    for toolkit in dest.glob("nvidia/cu13"):
        complete_toolkit(toolkit)
    if not (dest / "torch/include/ATen/ATen.h").exists() or not (dest / "torch/lib/libtorch_cpu.so").exists():
        sys.exit(f"no ATen/ATen.h or libtorch_cpu.so came out of {' '.join(wheels)}")


main()
