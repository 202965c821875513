# SPDX-License-Identifier: MIT
# After parse.awk: makes the manual page xen-netvf-vif-interface(7), in mdoc.

# Text that roff must not take for a request or an escape.
function text(line)
{
    gsub(/\\/, "\\e", line)
    gsub(/`/, "", line)
    gsub(/-/, "\\-", line)
    sub(/^[.']/, "\\\\\\&&", line)
    return line
}

function close_list()
{
    if (list != "")
        print (list == "code" ? ".Ed" : ".El")
    list = ""
}

function open_list(kind, request)
{
    if (list == kind)
        return
    close_list()
    print request
    list = kind
}

function start()
{
    print ".\\\" Made from netvf-paths.pandoc by manual.awk: change that, not this."
    print ".Dd November 22, 2026"
    print ".Dt XEN-NETVF-VIF-INTERFACE 7"
    print ".Os"
    print ".Sh NAME"
    print ".Nm xen-netvf-vif-interface"
    print ".Nd xenstore paths of a vif that netvf drives"
    print ".Sh DESCRIPTION"
}

function entry(line)
{
    open_list("keys", ".Bl -tag -width 4n")
    line = text(line)
    gsub(/"/, "\\(dq", line) # or .It would take the quotes for its own
    print ".It " line
    last = "entry"
}

function directory(side, path)
{
    entry(path "/*")
}

# Inside its section a key goes by the part that is not the same everywhere.
function key(side, name, value, tags)
{
    entry(name " = " value " [" tags "]")
}

function title(level, heading)
{
    close_list()
    if (level > 1)
        print (level == 2 ? ".Sh " toupper(heading) : ".Ss " heading)
    last = "title"
}

function prose(line)
{
    if (line ~ /^ *$/) {
        blank = 1
        return
    }
    if (line ~ /^        /) {
        open_list("code", ".Bd -literal -offset indent")
        sub(/^ +/, "", line)
    } else if (line ~ /^\* /) {
        open_list("bullets", ".Bl -bullet -compact")
        print ".It"
        line = substr(line, 3)
    } else if (line ~ /^  / && list == "bullets") {
        sub(/^ +/, "", line)
    } else {
        if (list != "keys" || (blank && last == "prose"))
            close_list()
        if (blank && last == "prose")
            print ".Pp"
    }
    print text(line)
    blank = 0
    last = "prose"
}

function finish()
{
    close_list()
    print ".Sh SEE ALSO"
    print ".Xr netvf 8 ,"
    print ".Xr netvfd 8 ,"
    print ".Xr xl-network-configuration 5"
}
