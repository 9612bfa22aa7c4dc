# Turns config/convosync.toml into the section KEYS of convosync.toml(5): comments become text, keys and tables become literal lines.

function escaped(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    sub(/^[.']/, "\\\\\\&&", text)
    return text
}

# Ends a block of literal lines.
function close_block() {
    if (is_open) print ".Ed"
    is_open = 0
}

function literal(line) {
    if (!is_open) print ".Bd -literal -offset indent -compact"
    is_open = 1
    print escaped(line)
}

BEGIN { print ".Sh KEYS" }

# A table, in force or not. Its name becomes a heading.
/^(# )?\[[a-z_.]+\]$/ {
    close_block()
    is_text = 0
    name = $0
    gsub(/^# /, "", name)
    print ".Ss " escaped(name)
    if ($0 ~ /^#/) { print "This table is left out unless it is wanted." }
    next
}

# A key that is not in force, or the rest of the comment beside one.
/^# ("?[A-Za-z_-]+"?) = / || /^#  +#/ { literal($0); is_text = 0; next }

/^#/ {
    close_block()
    text = $0
    sub(/^# ?/, "", text)
    if (text == "") { is_text = 0; next }
    if (!is_text) print ".Pp"
    is_text = 1
    print escaped(text)
    next
}

/^$/ { close_block(); is_text = 0; next }

{ literal($0); is_text = 0 }

END { close_block() }
