# SPDX-License-Identifier: BSD-2-Clause
# Copies a manual. Replaces the lines between .\" <name>: from ... and .\" end of <name> by the lines of the file `list`.
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
