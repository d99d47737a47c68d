# SPDX-License-Identifier: BSD-2-Clause
"""What weir-apps(7) shows."""

import re

from rig.daemon import TREE


def pages():
    """{name: text} of the policies and the code in weir-apps(7), as a reader of the page sees them."""
    source = (TREE / "man" / "weir-apps.7").read_text()
    found = {}
    for name, text in re.findall(r'^\.\\" (?:policy|code) (\S+)\n\.PP\n\.RS\n\.nf\n(.*?)^\.fi$', source, re.M | re.S):
        for written, read in (("\\-", "-"), ("\\(dq", '"'), ("\\&", ""), ("\\e", "\\")):
            text = text.replace(written, read)
        found[name] = text
    return found
