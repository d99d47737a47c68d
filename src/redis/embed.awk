# SPDX-License-Identifier: BSD-2-Clause
# Reads scripts.def and writes, in its order, the text of each Lua file as a C string literal with its length.
# -v dir=...: where the files are. Comment lines and indentation stay behind: Redis needs neither. Two comments are more:
# --@include FILE  is that file's text
# --@each LIST TEXT  is TEXT for each row NAME(ID, word, ...) of src/LIST, with the row's word in place of each %
function fail(why) {
    print "embed.awk: " why > "/dev/stderr"
    failed = 1
    exit 1
}
function add(line) {
    gsub(/\\/, "\\\\", line)
    gsub(/"/, "\\\"", line)
    print "    \"" line "\\n\""
}
function each(list, text,    line, part, rows, made) {
    while ((getline line < (dir "/../../" list)) > 0) {
        if (line !~ /^[A-Z]+\(/)
            continue
        rows++
        split(line, part, /[(, )]+/)
        made = text
        gsub(/%/, part[3], made)
        take(made)
    }
    close(dir "/../../" list)
    if (rows == 0)
        fail("no rows in src/" list)
}
function take(line,    part) {
    sub(/^[ \t]+/, "", line)
    if (line ~ /^--@include /)
        embed(dir "/" substr(line, 12))
    else if (line ~ /^--@each /) {
        split(line, part, " ")
        each(part[2], substr(line, length("--@each " part[2] " ") + 1))
    } else if (line != "" && line !~ /^--/)
        add(line)
}
function embed(file,    line, lines, status) {
    while ((status = (getline line < file)) > 0) {
        lines++
        take(line)
    }
    close(file)
    if (status < 0 || lines == 0)
        fail("cannot read " file)
}
/^X\(/ {
    if (split($0, part, "\"") < 3)
        fail("no file named in: " $0)
    print "/* " part[2] " */ WR_SLICE_INIT("
    embed(dir "/" part[2])
    print "),"
}
