# What the scenes share: sending mail and judging what arrives, and what an administrator has set up.
export DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin

fail() { echo "FAIL: $*"; exit 1; }
pass() { echo "PASS: $*"; }
must() { echo "+ $*"; "$@" || fail "$*"; }

install_deb() { apt-get install -y -q --no-install-recommends --allow-downgrades "$@"; }

# The DNS record of the key that signs.
record=/etc/opendkim/keys/example.com/mail.txt

# --- Mail ---------------------------------------------------------------------------------------
start_postfix() { # start_postfix SOCKET: configured as the guide says
    mkdir -p /test/sink
    python3 /test/mail.py sink 2525 /test/sink &
    postconf -e default_transport=smtp relay_transport=smtp inet_interfaces=127.0.0.1 inet_protocols=ipv4 mydestination= 'relayhost=[127.0.0.1]:2525' \
        myhostname=mx.example.com smtp_dns_support_level=disabled smtp_host_lookup=native \
        maillog_file=/var/log/mail.log "smtpd_milters=$1" 'non_smtpd_milters=$smtpd_milters' \
        milter_default_action=tempfail minimal_backoff_time=1s queue_run_delay=1s
    if [ -d /run/systemd/system ]; then
        must systemctl restart postfix
    else
        must postfix start
    fi
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        ! postfix status 2> /dev/null || break
        sleep 0.2
    done
}

begin_flow() { # begin_flow NAME
    flow=/test/$1
    mkdir "$flow"
    python3 /test/mail.py flow "$flow" &
    flow_pid=$!
    sleep 1
}

end_flow() { # end_flow [none]
    sleep 1
    touch "$flow/stop"
    wait "$flow_pid" || fail "the mail flow broke"
    python3 /test/mail.py judge /test/sink "$flow" "$record" "$@" || fail "mail of $flow"
}

mail_is() { # mail_is NAME [none]: some mail, now
    begin_flow "$1"
    shift
    end_flow "$@"
}

# --- What must be so ----------------------------------------------------------------------------
daemon() { cat /run/opendkim/opendkim.pid; }
program() { readlink "/proc/$(daemon)/exe"; }

administrators_files() {
    # shellcheck disable=SC2046
    (
        find /etc/opendkim /etc/opendkim.conf /etc/default/opendkim /etc/dkimkeys /etc/postfix \
            /etc/systemd/system/opendkim.service.d /var/spool/postfix/opendkim \
            ! -type s ! -name README.PrivateKeys -printf '%p %M %u %g\n' -type f -exec md5sum {} +
        grep -E '^(opendkim|postfix)' /etc/passwd /etc/group
    ) | sort
}

unchanged() { # unchanged AFTER-WHAT
    administrators_files > /test/now
    diff /test/before /test/now || fail "files changed by $1"
    pass "nothing of the administrator's has changed: $1"
}

# --- A server that signs with Debian's opendkim, set up as the guides say ---------------------------
set_up_opendkim() {
    install_deb opendkim opendkim-tools
    mkdir -p "${record%/*}" /etc/systemd/system/opendkim.service.d
    opendkim-genkey -b 2048 -d example.com -s mail -D "${record%/*}"
    echo 'mail._domainkey.example.com example.com:mail:/etc/opendkim/keys/example.com/mail.private' > /etc/opendkim/KeyTable
    echo '*@example.com mail._domainkey.example.com' > /etc/opendkim/SigningTable
    printf '127.0.0.1\nlocalhost\n' > /etc/opendkim/TrustedHosts
    chown -R opendkim:opendkim /etc/opendkim/keys
    install -d -o opendkim -g postfix -m 750 /var/spool/postfix/opendkim
    adduser --quiet postfix opendkim
    cat > /etc/opendkim.conf <<TEXT
# Written by the administrator
Syslog              yes
UMask               007
Canonicalization    relaxed/simple
OversignHeaders     From
Mode                sv
KeyTable            /etc/opendkim/KeyTable
SigningTable        refile:/etc/opendkim/SigningTable
InternalHosts       refile:/etc/opendkim/TrustedHosts
ExternalIgnoreList  refile:/etc/opendkim/TrustedHosts
Socket              local:/var/spool/postfix/opendkim/opendkim.sock
PidFile             /run/opendkim/opendkim.pid
UserID              opendkim
Background          yes
AutoRestart         no
TEXT
    echo '# nothing here' >> /etc/default/opendkim
    printf '[Unit]\nAfter=postgresql.service\n' > /etc/systemd/system/opendkim.service.d/wait.conf
}
