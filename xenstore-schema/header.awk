# SPDX-License-Identifier: MIT
# After parse.awk: makes keys.h. Names as macros for everyone, the table for check.c alone.

function macro(name)
{
    gsub(/\$INDEX/, "N", name)
    gsub(/[^A-Za-z0-9]/, "_", name)
    return toupper(name)
}

# Both in the names and in the directories a variable part is a number.
function format(path)
{
    sub(/^~/, "/local/domain/%u", path)
    gsub(/\$[A-Z]+/, "%u", path)
    return path
}

function literals(value, list,    count, i)
{
    gsub(/[()"]/, "", value)
    count = split(value, list, "|")
    # split() makes nothing of an empty string, which is a literal here like any other.
    return count ? count : 1
}

function define(name, text)
{
    if (name in seen)
        malformed("two paths make the macro " name)
    seen[name] = 1
    printf "#define %-44s \"%s\"\n", name, text
}

function start()
{
    print "/* Made from netvf-paths.pandoc by header.awk: change that, not this. */"
    print "#ifndef NETVF_XENSTORE_SCHEMA_KEYS_H"
    print "#define NETVF_XENSTORE_SCHEMA_KEYS_H"
}

function directory(side, path)
{
    print "\n/* The directory, for printf: domains and devices are numbers. */"
    define("PATH_" side "_DIR", format(path))
    print "/* Names of keys in it; VALUE_ macros are the words that a key may hold. */"
}

function key(side, name, value, tags,    list, count, i, bits, type, words)
{
    define("KEY_" side "_" macro(name), format(name))
    type = value
    words = "NULL"
    if (value ~ /^\(/) {
        type = "WORD"
        words = "(const char *const[]){"
        count = literals(value, list)
        for (i = 1; i <= count; i++) {
            words = words "\"" list[i] "\", "
            if (list[i] !~ /^[01]?$/)
                define("VALUE_" side "_" macro(name "_" list[i]), list[i])
        }
        words = words "NULL}"
    }
    bits = "0"
    count = split(tags, list, ",")
    for (i = 1; i <= count; i++)
        bits = bits " | SCHEMA_TAG_" toupper(list[i])
    table = table sprintf("    {\"%s\", SCHEMA_%s, SCHEMA_%s, %s, %s},\n",
                          name, side, type, bits, words)
}

function title(level, text) { }
function prose(line) { }

function finish()
{
    print "\n#ifdef SCHEMA_TABLE"
    print "static const struct schema_key schema_table[] = {"
    printf "%s};", table
    print "\n#endif\n\n#endif"
}
