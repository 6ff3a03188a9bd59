"""The table of src/data/README.md has each odd image once, with the answer that test_image_odd checks.

tests/odd_images/table_test.py      (no arguments; make_table.py writes the table)
"""

import csv
import re
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import make_table  # noqa: E402

PAGE = HERE.parents[1] / "src/data/README.md"
FILES = 109


def rows_of_page():
    text = PAGE.read_text(encoding="utf-8")
    lines = text[text.index("| file | what is odd | Muster | PIL | torchvision |"):].splitlines()[2:]
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


class Table(unittest.TestCase):
    def test_has_each_file_once_in_the_order_of_the_expectations(self):
        rows = rows_of_page()
        self.assertEqual(len(rows), FILES)
        self.assertEqual([row[0] for row in rows], [row["file"] for row in make_table.expected()])

    def test_says_of_each_what_the_decoder_is_tested_for(self):
        for cells, row in zip(rows_of_page(), make_table.expected(), strict=True):
            with self.subTest(row["file"]):
                self.assertEqual(len(cells), 5)
                self.assertEqual(cells[2], make_table.muster(row))
                self.assertTrue(all(cells), "an empty cell")

    def test_names_the_files_of_the_manifest(self):
        manifest = HERE.parents[2] / "shared/data/odd_images/MANIFEST.csv"
        if not manifest.exists():
            self.skipTest(f"{manifest} is not there")
        with open(manifest, newline="", encoding="utf-8") as lines:
            self.assertEqual({row["file"] for row in csv.DictReader(lines)}, {row[0] for row in rows_of_page()})


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
