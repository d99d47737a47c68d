# Reads scripts.def and writes, in its order, the text of each Lua file as a C string literal with its length.
# -v dir=...: where the files are. Comment lines and indentation stay behind: Redis needs neither. Only "--@include FILE"
# is more than a comment: that file's text comes first.
function fail(why) {
    print "embed.awk: " why > "/dev/stderr"
    failed = 1
    exit 1
}
function embed(file,    line, lines, status) {
    while ((status = (getline line < file)) > 0) {
        lines++
        sub(/^[ \t]+/, "", line)
        if (line ~ /^--@include /)
            embed(dir "/" substr(line, 12))
        if (line == "" || line ~ /^--/)
            continue
        gsub(/\\/, "\\\\", line)
        gsub(/"/, "\\\"", line)
        print "    \"" line "\\n\""
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
