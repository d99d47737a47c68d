# SPDX-License-Identifier: BSD-2-Clause
# Copies a manual with the lines of `list` in place of what stands between .\" <name>: from ... and .\" end of <name>.
index($0, ".\\\" " name ": from") == 1 {
    print
    while ((getline line < list) > 0)
        print line
    skip = 1
    next
}
index($0, ".\\\" end of " name) == 1 { skip = 0; found = 1 }
!skip
END { exit !found }
