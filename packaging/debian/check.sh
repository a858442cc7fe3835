# Finds the archive that is being installed: the file that the dpkg or apt above this script was told to
# install, or what apt has fetched. Prints its path. Root is about to run that archive's own scripts, so
# running its program adds nothing; therefore no other file may ever be taken for it.
find_archive() {
    pid=$$
    while [ "${pid:-0}" -gt 1 ] && [ -r "/proc/$pid/cmdline" ]; do
        program=$(readlink "/proc/$pid/exe")
        case $program in
        /usr/bin/dpkg | /usr/bin/apt | /usr/bin/apt-get | /usr/bin/aptitude | /usr/bin/aptitude-curses)
            found=$(archive_among_arguments "$pid" "${program##*/}")
            [ -z "$found" ] || { echo "$found"; return; }
            ;;
        esac
        pid=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$pid/status")
    done
    for file in /var/cache/apt/archives/dkimd_*.deb; do
        ! { only_root_writes "$file" && is_this_package "$file"; } || { echo "$file"; return; }
    done
}

# archive_among_arguments PID PROGRAM. A word without a slash is a file to dpkg alone; so is what lies in a
# folder, with --recursive.
archive_among_arguments() {
    words=$(tr '\0' '\n' < "/proc/$1/cmdline" | tail -n +2)
    folder=$(readlink "/proc/$1/cwd")
    recursive=
    [ "$2" != dpkg ] || ! printf '%s\n' "$words" | grep -qE -e '^(-[[:alnum:]]*R|--recursive$)' || recursive=yes
    printf '%s\n' "$words" | while IFS= read -r word; do
        case $2:$word in
        *:-* | *::*) continue ;;
        *:/*) ;;
        dpkg:* | *:*/*) word=$folder/$word ;;
        *) continue ;;
        esac
        if [ -n "$recursive" ] && [ -d "$word" ]; then
            find -L "$word" -type f -name '*.deb'
        else
            echo "$word"
        fi
    done | while IFS= read -r file; do
        ! is_this_package "$file" || { echo "$file"; break; }
    done
}

# Neither the file nor its directory belongs to, or can be written by, anybody but root.
only_root_writes() {
    [ -f "$1" ] && [ -z "$(find "$1" "${1%/*}" -maxdepth 0 \( ! -user root -o -perm /022 \) ! -type l)" ]
}

is_this_package() {
    [ -f "$1" ] && [ "$(dpkg-deb --field "$1" Package Version 2>/dev/null)" = "Package: dkimd
Version: @VERSION@" ]
}

# The options of opendkim.conf that the sandbox of the systemd unit stands against, with the remedy.
outside_the_sandbox() {
    [ -d /run/systemd/system ] || return 0
    sed -n 's/[[:space:]]*#.*//
        s/^[[:space:]]*ChangeRootDirectory[[:space:]]\{1,\}/chroot /Ip
        s/^[[:space:]]*SendReports[[:space:]]\{1,\}[yt1].*/reports/Ip
        s/^[[:space:]]*Socket[[:space:]]\{1,\}\(unix:\|local:\)\{0,1\}\(\/.*\)/socket \2/Ip' /etc/opendkim.conf |
        while read -r option value; do
            case $option:$value in
            chroot:*) echo "ChangeRootDirectory $value: the unit forbids chroot; remove the line, or put into the drop-in:
    CapabilityBoundingSet=CAP_SYS_CHROOT
    SystemCallFilter=chroot" ;;
            reports:*) echo "SendReports: the unit forbids the set-group-ID program that MTACommand (sendmail) hands mail to;
remove the line, or put into the drop-in:
    NoNewPrivileges=no
and, where AppArmor is used, into /etc/apparmor.d/local/opendkim (with the program that MTACommand names):
    /usr/sbin/sendmail Ux," ;;
            socket:/tmp/* | socket:/var/tmp/*) echo "Socket $value: the unit has a /tmp of its own; move the socket, or put into the drop-in:
    PrivateTmp=no
    ReadWritePaths=/tmp" ;;
            socket:/run/* | socket:/var/* | socket:/srv/* | socket:/opt/*) ;;
            *) echo "Socket $value: the unit may not write there; move the socket, or put into the drop-in:
    ReadWritePaths=${value%/*}
and, where AppArmor is used, into /etc/apparmor.d/local/opendkim:
    ${value%/*}/** rwk," ;;
            esac
        done
}

# Drop-ins that make Debian's unit what it is already. With this one systemd would wait for a fork in vain.
waits_for_a_fork() {
    [ -d /run/systemd/system ] && ! [ -e /etc/systemd/system/opendkim.service ] || return 0
    grep -lsE '^Type=forking' /etc/systemd/system/opendkim.service.d/*.conf || true
}

# Drop-ins whose ExecStart= leaves out the "!": under Debian's unit such a line started the daemon as root,
# under this one it starts it as opendkim, who may not reach the keys. The script that Debian's opendkim
# has for /etc/default/opendkim writes such lines.
starts_without_root() {
    [ -d /run/systemd/system ] && ! [ -e /etc/systemd/system/opendkim.service ] || return 0
    set -- /etc/systemd/system/opendkim.service.d/*.conf
    ! grep -qs '^User=' "$@" || return 0
    grep -lsE '^ExecStart=[-@:]*/' "$@" || true
}

# Lets the program that is about to be installed judge the present configuration, and shows what it
# finds. False if it could not start with it.
present_configuration_works() {
    [ -z "${DKIMD_SKIP_CHECK:-}" ] && [ -e /etc/opendkim.conf ] || return 0
    archive=$(find_archive)
    [ -n "$archive" ] || return 0
    # Not below /tmp, where some servers let no program run.
    tried=$(mktemp -d -p /var/lib dkimd-check.XXXXXX)
    chmod 755 "$tried"
    dpkg-deb --fsys-tarfile "$archive" | tar -xC "$tried" ./usr/bin/dkimd
    limits=
    if ! grep -qsE '^(ReadWritePaths|CapabilityBoundingSet|NoNewPrivileges|ExecStart)=' /etc/systemd/system/opendkim.service.d/*.conf \
        /etc/systemd/system/opendkim.service; then
        limits=$(outside_the_sandbox)
    fi
    works=0
    findings=$("$tried/usr/bin/dkimd" check --config /etc/opendkim.conf 2>&1) || works=$?
    drop_in=$(starts_without_root)
    if [ "$works" = 0 ] && [ -n "$drop_in" ] && getent passwd opendkim > /dev/null; then
        denied=$(setpriv --reuid opendkim --regid opendkim --init-groups \
            "$tried/usr/bin/dkimd" check --config /etc/opendkim.conf 2>&1) || works=$?
        [ "$works" != 78 ] || works=drop-in
    fi
    rm -rf "$tried"
    forking=$(waits_for_a_fork)
    [ -z "$forking" ] || [ "$works" != 0 ] || works=forking
    [ -z "$limits" ] || [ "$works" != 0 ] || works=limits
    case $works in
    0)
        case $findings in
        '' | 'no problems found') ;;
        *) printf 'dkimd: what dkimd says of /etc/opendkim.conf:\n%s\n' "$findings" >&2 ;;
        esac
        ;;
    78)
        cat >&2 <<TEXT
dkimd: dkimd could not start with the present /etc/opendkim.conf:
$findings
dkimd: nothing has been replaced. Mend what is named above and install again, or set
dkimd: DKIMD_SKIP_CHECK=1 in the environment to install all the same.
TEXT
        return 1
        ;;
    drop-in)
        cat >&2 <<TEXT
dkimd: $drop_in starts the daemon as user opendkim, who lacks rights:
$denied
dkimd: Nothing has been replaced. Give these rights, or let the daemon start as root (it becomes UserID
dkimd: itself): write "ExecStart=!/usr/sbin/opendkim" with an exclamation mark there. Then install again.
TEXT
        return 1
        ;;
    forking)
        cat >&2 <<TEXT
dkimd: $forking says Type=forking, but the new opendkim.service is Type=notify.
dkimd: Nothing has been replaced. Delete its lines Type= and PIDFile= and install again.
TEXT
        return 1
        ;;
    limits)
        cat >&2 <<TEXT
dkimd: the sandbox of the new opendkim.service stands against the present /etc/opendkim.conf:
$limits
dkimd: (the drop-in: /etc/systemd/system/opendkim.service.d/dkimd.conf, under a [Service] line)
dkimd: Nothing has been replaced. Do one of these and install again.
TEXT
        return 1
        ;;
    # The program does not even run here (too old a libc, say): dpkg has its own words for that.
    *) printf 'dkimd: the present configuration could not be checked: %s\n' "$findings" >&2 ;;
    esac
}
