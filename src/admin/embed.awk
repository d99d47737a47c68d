# SPDX-License-Identifier: BSD-2-Clause
# Writes a text file as one C string literal, each line as a line of it. Indentation is left out.
{
    sub(/^[ \t]+/, "")
    gsub(/\\/, "\\\\")
    gsub(/"/, "\\\"")
    if ($0 != "")
        print "\"" $0 "\\n\""
}
