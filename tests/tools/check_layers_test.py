"""check_layers_test.py CHECKER: each kind of fault in a small tree of its own is found, and a good tree passes."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECKER = sys.argv.pop()

MAP = """
```
L2  app config
L1  io  ops
L0  core
```
| module | one line | may include | LibTorch |
|---|---|---|---|
| core | errors | – | no |
| io | files | core | no |
| ops | kernels | core | yes |
| config | recipes | option headers only | no |
| app | main | core ops (kernels only) | yes |
"""

GOOD = {
    "core/error.hpp": "#pragma once\n#include <string>\n",
    "core/error.cpp": '#include "core/error.hpp"\n',
    "io/file.hpp": '#pragma once\n#include "core/error.hpp"\n',
    "io/file_options.hpp": "#pragma once\n",
    "ops/add.hpp": "#pragma once\n#include <ATen/core/Tensor.h>\n",
    "ops/add.cpp": '#include "ops/add.hpp"\n#include <torch/torch.h>\n#include "core/error.hpp"\n',
    "ops/add.cu": "#include <cuda_runtime_api.h>\n",
    "config/recipe.cpp": '#include "io/file_options.hpp"\n#include "io/file.hpp"\n',
    "app/main.cpp": '#include "ops/add.hpp"\n',
}


class CheckLayers(unittest.TestCase):
    def run_on(self, changes: dict, the_map: str = MAP) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in {"README.md": the_map, **GOOD, **changes}.items():
                path = pathlib.Path(folder, "src", name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return subprocess.run([sys.executable, CHECKER, folder], capture_output=True, text=True)

    def expect_fault(self, name: str, text: str, wanted: str) -> None:
        result = self.run_on({name: text})
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertIn(wanted, result.stdout)
        self.assertIn("1 faults", result.stdout)

    def test_passes_a_tree_that_keeps_to_its_map(self):
        result = self.run_on({})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("9 files, 0 faults", result.stdout)

    def test_finds_an_arrow_upwards(self):
        self.expect_fault("core/a.cpp", '\n#include "io/file.hpp"\n', "src/core/a.cpp:2: \"io/file.hpp\": core (L0) does not see io (L1)")

    def test_finds_an_arrow_within_a_layer(self):
        self.expect_fault("io/a.cpp", '#include "ops/add.hpp"\n', "io (L1) does not see ops (L1)")

    def test_finds_an_arrow_that_the_row_does_not_name(self):
        self.expect_fault("app/a.cpp", '#include "io/file.hpp"\n', "the row of app in src/README.md does not name io")

    def test_finds_more_than_options_in_config(self):
        self.expect_fault("config/a.cpp", '#include "ops/add.hpp"\n', "config sees option headers only")

    def test_finds_an_own_header_that_is_not_first(self):
        self.expect_fault("core/error.cpp", '#include <string>\n#include "core/error.hpp"\n', 'must be its own header "core/error.hpp"')

    def test_finds_libtorch_where_the_table_says_no(self):
        self.expect_fault("io/a.cpp", "#include <ATen/ops/add.h>\n", "io is a module without LibTorch")

    def test_finds_torch_h_in_a_header(self):
        self.expect_fault("ops/a.hpp", "#include <torch/torch.h>\n", "torch/torch.h stands in no header")

    def test_finds_tensors_in_a_kernel(self):
        self.expect_fault("ops/a.cu", "#  include <ATen/ATen.h>\n", "kernels take raw pointers")

    def test_finds_opencvs_codecs(self):
        self.expect_fault("io/a.cpp", "#include <opencv2/imgcodecs.hpp>\n", "imgcodecs are not used")

    def test_finds_an_include_that_does_not_start_at_src(self):
        self.expect_fault("core/a.cpp", '#include "error.hpp"\n', "does not start with a module")

    def test_finds_a_folder_without_a_row(self):
        self.expect_fault("extra/a.cpp", "\n", "src/extra/a.cpp: this folder has no row")

    def test_refuses_a_map_that_contradicts_itself(self):
        result = self.run_on({}, MAP.replace("| io | files | core |", "| io | files | core ops |"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("io (L1) may not name ops (L1)", result.stderr)


unittest.main()
