# SPDX-License-Identifier: BSD-2-Clause
# Writes a text file as one C string literal, a line for each of its lines; indentation stays behind.
{
    sub(/^[ \t]+/, "")
    gsub(/\\/, "\\\\")
    gsub(/"/, "\\\"")
    if ($0 != "")
        print "\"" $0 "\\n\""
}
