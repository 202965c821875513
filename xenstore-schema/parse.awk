# SPDX-License-Identifier: MIT
# Reads netvf-paths.pandoc. The awk file given after this one says what becomes of it; it defines
#   start()                          before the first line
#   directory(side, path)            "#### PATH/* [TAGS]": the keys of that side follow
#   key(side, name, value, tags)     "#### PATH = VALUE [TAGS]"; name is relative to the directory
#   title(level, text)               a heading above these
#   prose(line)                      everything else, blank lines included
#   finish()                         after the last line
# side is "BE" or "FE". A line that is not in the notation ends the run with a sentence, status 1.

function malformed(sentence)
{
    printf "%s:%d: %s\n", FILENAME, FNR, sentence > "/dev/stderr"
    failed = 1
    exit 1
}

# The part of a path below its side's directory.
function below(path)
{
    if (dir == "" || index(path, dir "/") != 1)
        malformed("the path does not lie in the directory that was opened last: " path)
    return substr(path, length(dir) + 2)
}

BEGIN { start() }

/^#### / {
    line = substr($0, 6)
    if (!match(line, / *\[[A-Za-z,]*\]$/))
        malformed("a path needs its [TAGS]")
    tags = substr(line, RSTART)
    gsub(/[ \[\]]/, "", tags)
    line = substr(line, 1, RSTART - 1)
    if (line ~ /^~[\/A-Za-z0-9$_-]+\/\*$/) {
        dir = substr(line, 1, length(line) - 2)
        side = dir ~ /^~\/backend\// ? "BE" : "FE"
        directory(side, dir)
        next
    }
    if (!match(line, / = /))
        malformed("a path is PATH = VALUE [TAGS] or PATH/* [TAGS]")
    path = substr(line, 1, RSTART - 1)
    value = substr(line, RSTART + 3)
    if (path !~ /^~[\/A-Za-z0-9$_-]+$/)
        malformed("not a path: " path)
    if (value !~ /^[A-Z_]+$/ && value !~ /^\(("[a-z0-9_]*"\|)*"[a-z0-9_]*"\)$/)
        malformed("not a type or a set of literals: " value)
    key(side, below(path), value, tags)
    next
}

/^#+ / {
    match($0, /^#+/)
    title(RLENGTH, substr($0, RLENGTH + 2))
    next
}

{ prose($0) }

END { if (!failed) finish() }
