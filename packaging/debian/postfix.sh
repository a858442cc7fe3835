# Postfix goes on asking a daemon that has gone, and puts mail off meanwhile (or lets it out unsigned,
# where milter_default_action says so). postfix_still_asks tells where that stands and which commands
# take it out; it changes nothing. It goes by the Socket of $config and by the places that setup and the
# package use.

# Filters: stdin is a list of milters as Postfix has it, stdout the list without those at our sockets;
# exit code 1 where there are none of them. $1: paths and ports, one a line; $2: the queue directory.
without_our_milters() {
    awk -v ours="$1" -v queue="$2" '
    function is_ours(item, place, host, port, i) {
        sub(/^[{][ \t,]*/, "", item)
        sub(/[ \t,}].*$/, "", item)
        if (item ~ /^(unix|local):/) {
            place = item
            sub(/^[a-z]*:/, "", place)
            # A path is meant within the queue directory where it is relative or the service is chrooted.
            for (i = 1; i <= count; i++)
                if (place == known[i] || queue "/" place == known[i] || queue place == known[i]) return 1
        } else if (item ~ /^inet6?:/) {
            port = item
            sub(/^.*:/, "", port)
            host = item
            sub(/^inet6?:/, "", host)
            sub(/:[^:]*$/, "", host)
            if (host !~ /^(localhost|127[.][0-9.]*|\[?::1\]?|\[::ffff:127[.][0-9.]*\]|\[IPv6:::1\])$/) return 0
            for (i = 1; i <= count; i++) if ("port " port == known[i]) return 1
        }
        return 0
    }
    function take(item) {
        if (item == "") return
        if (is_ours(item)) { gone = 1; return }
        left = left (left == "" ? "" : ", ") item
    }
    BEGIN { count = split(ours, known, "\n") }
    {
        for (at = 1; at <= length($0); at++) {
            c = substr($0, at, 1)
            if (c == "{") depth++
            if (c == "}" && depth > 0) depth--
            if (depth == 0 && (c == "," || c == " " || c == "\t")) { take(item); item = "" }
            else item = item c
        }
        take(item)
        item = ""
    }
    END { print left; exit !gone }'
}

# Where the daemon listens: paths, and "port N".
our_sockets() {
    {
        echo "local:/run/opendkim/opendkim.sock"
        echo "local:/var/run/opendkim/opendkim.sock"
        echo "local:$1/opendkim/opendkim.sock"
        [ ! -r "$config" ] || sed -n 's/^[[:space:]]*[Ss][Oo][Cc][Kk][Ee][Tt][[:space:]]\{1,\}\([^#[:space:]]*\).*/\1/p' "$config"
    } | sed -n -e 's/^\(local\|unix\)://' -e 's/^inet6\{0,1\}:\([0-9]\{1,\}\).*/port \1/p' -e '/^\//p'
}

postfix_still_asks() {
    [ -z "$DPKG_ROOT" ] && command -v postconf > /dev/null || return 0
    queue=$(postconf -h queue_directory 2> /dev/null) || return 0
    ours=$(our_sockets "$queue")
    commands=
    for name in smtpd_milters non_smtpd_milters; do
        value=$(postconf -h "$name" 2> /dev/null) || continue
        # What only refers to the other list goes with it.
        case $value in
        *'$smtpd_milters'* | *'${smtpd_milters}'* | *'$(smtpd_milters)'*) ;;
        *'$'*) value=$(postconf -hx "$name" 2> /dev/null) || continue ;;
        esac
        ! left=$(printf '%s\n' "$value" | without_our_milters "$ours" "$queue") ||
            commands="$commands    postconf -e '$name = $left'
"
    done
    overrides=$(postconf -Px '*/*/smtpd_milters' '*/*/non_smtpd_milters' 2> /dev/null) || overrides=
    commands=$commands$(
        printf '%s\n' "$overrides" | while IFS= read -r line; do
            case $line in *' = '*) ;; *) continue ;; esac
            ! left=$(printf '%s\n' "${line#* = }" | without_our_milters "$ours" "$queue") ||
                printf "    postconf -P '%s = %s'\n" "${line%% = *}" "$left"
        done
        echo .
    )
    commands=${commands%.}
    [ -n "$commands" ] || return 0
    cat << TEXT
dkimd: Postfix still asks the daemon that goes now, and puts mail off while nobody answers. Unless
dkimd: another (opendkim, say) takes its place at the same socket, take it out of Postfix:
$commands    postfix reload
TEXT
}
