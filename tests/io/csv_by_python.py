"""Compares io::CsvReader with Python's csv module: the same records from the same lines, and the same files refused.

csv_by_python.py CSV_DUMP      (the program built from csv_dump.cpp)
"""

import csv
import io
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

FILES = 600
PIECES = ['"', '""', ",", "\n", "\r\n", "\r", " ", "a", "b.jpg", "ä", "日本", "🐈", "0", ";", "'", "\\", "\t"]


def written(rng):
    """A table as Python writes it, in one of its dialects."""
    text = io.StringIO(newline="")
    writer = csv.writer(
        text,
        quoting=rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
        lineterminator=rng.choice(["\n", "\r\n", "\r"]),
    )
    for _ in range(rng.randrange(8)):
        writer.writerow(["".join(rng.choices(PIECES, k=rng.randrange(6))) for _ in range(rng.randrange(5))])
    return text.getvalue()


def anything(rng):
    return "".join(rng.choices(PIECES, k=rng.randrange(40)))


def by_python(text):
    """[[first line, fields], ...], or None."""
    rows = []
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    try:
        for fields in reader:
            rows.append([line, fields])
            line = reader.line_num + 1
    except csv.Error:
        return None
    return rows


def main():
    rng = random.Random(11)
    texts = [written(rng) if i % 2 else anything(rng) for i in range(FILES)]
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for i, text in enumerate(texts):
            paths.append(Path(folder) / f"{i}.csv")
            paths[-1].write_bytes((b"\xef\xbb\xbf" if i % 7 == 0 else b"") + text.encode())
        dump = subprocess.run([sys.argv[1], *paths], check=True, capture_output=True, text=True)
    ours = [json.loads(line) for line in dump.stdout.splitlines()]
    assert len(ours) == FILES
    refused = 0
    for text, rows in zip(texts, ours):
        wanted = by_python(text)
        assert rows == wanted, f"{text!r}:\n{rows}\n{wanted}"
        refused += wanted is None
    assert 20 < refused < FILES // 2, refused
    print(f"{FILES} tables read as Python's csv module reads them, {refused} of them refused by both")


if __name__ == "__main__":
    main()
