# SPDX-License-Identifier: BSD-2-Clause
"""The lists from which weir is made (src/*/*.def), so that tests run over all that there is."""

import pathlib
import re

TREE = pathlib.Path(__file__).resolve().parents[3]      # not the daemon's: programs name that only later


def rows(name):
    """Returns the rows NAME(a, b, ...) of src/<name> as lists of texts, without text in quotes."""
    text = re.sub(r'"(?:[^"\\]|\\.)*"', "", (TREE / "src" / name).read_text())
    return [[part.strip() for part in row.split(",")] for row in re.findall(r"^[A-Z]+\(([^()]*)\)", text, re.MULTILINE)]


ALGORITHMS = [word for _, word, *_ in rows("policy/algorithms.def")]
WITH_BURST = [word for _, word, burst, *_ in rows("policy/algorithms.def") if burst == "true"]
