"""Broken: the way from Postfix to the milter, and what breaks signatures after it."""

import os
import smtplib

from zoo.server import QUEUE, join_group, leave_group, write
from zoo.strangers import OtherMilter, listening
from zoo.worlds.case import broken


def _postfix_not_in_group(_server):
    leave_group("postfix", "opendkim")


@broken("milter-not-listening", says="opendkim", pains=[1, 13])
def milter_stopped(world):
    """Nobody listens at the socket."""
    world.milter_runs = False


@broken("milter-chroot", says="chroot", pains=[1])
def socket_outside_the_chroot(world):
    """The socket is in /run, where the chrooted smtpd can't look."""
    world.configuration["Socket"] = "local:/run/opendkim/opendkim.sock"
    world.main["smtpd_milters"] = "unix:/run/opendkim/opendkim.sock"


@broken("milter-socket-denied", says="usermod|adduser|gpasswd", pains=[1, 2])
def postfix_not_in_the_group(world):
    """The user postfix may not enter the socket's directory."""
    world.before.append(_postfix_not_in_group)


@broken("milter-socket-denied", says="chmod", pains=[1])
def socket_directory_closed(world):
    """The socket's directory is for its owner alone."""
    world.before.append(lambda _: os.chmod(QUEUE / "opendkim", 0o700))


@broken("milter-socket-denied", says="UMask", pains=[1])
def socket_for_its_owner(world):
    """UMask 077: the group may not write to the socket."""
    world.configuration["UMask"] = "077"


@broken("milter-socket-differs", says="opendkim", pains=[1, 4])
def socket_in_two_places(world):
    """Postfix looks for the socket at the place of an older configuration."""
    world.main["smtpd_milters"] = "unix:milter/opendkim.sock"


@broken("milter-socket-differs", says="8891", pains=[1])
def port_differs(world):
    """Postfix asks at the port of another guide than the one the milter was set up by."""
    world.configuration["Socket"] = "inet:8891@localhost"
    world.main["smtpd_milters"] = "inet:localhost:12301"


@broken("milter-serves-everybody", level="warn", says="MilterPeers 127.0.0.1, ::1", pains=[38])
def port_open_to_everybody(world):
    """The milter listens at all addresses, and nothing says who may connect."""
    world.configuration["Socket"] = "inet:8891@0.0.0.0"
    world.main["smtpd_milters"] = "inet:127.0.0.1:8891"


@broken("milter-peer-shut-out", says="MilterPeers 192.0.2.0/24, 127.0.0.1", pains=[1])
def postfix_shut_out(world):
    """MilterPeers lists another network than the address Postfix connects from."""
    world.configuration["Socket"] = "inet:8891@0.0.0.0"
    world.configuration["MilterPeers"] = "192.0.2.0/24"
    world.main["smtpd_milters"] = "inet:127.0.0.1:8891"


@broken("milter-address-spelling", says="inet:localhost:8891", pains=[1])
def address_as_opendkim_writes_it(world):
    """inet:port@host in main.cf, where Postfix wants inet:host:port."""
    world.configuration["Socket"] = "inet:8891@localhost"
    world.main["smtpd_milters"] = "inet:8891@localhost"


# The worlds of the case `doctor-remedy-for-milter-address`.
@broken("milter-address-spelling", says="unix:opendkim/opendkim.sock'")
def comment_behind_the_address(world):
    """A comment behind the value, which Postfix takes for two more filters."""
    world.main["smtpd_milters"] = "unix:opendkim/opendkim.sock # opendkim"
    world.main["non_smtpd_milters"] = "$smtpd_milters"


@broken("milter-address-spelling", says=r"'non_smtpd_milters = \$smtpd_milters'")
def name_of_the_other_list(world):
    """The name of the other list without its $."""
    world.main["non_smtpd_milters"] = "smtpd_milters"


@broken("milter-address-spelling", says="inet:localhost:8891'")
def address_without_its_kind(world):
    """localhost:8891 without inet: in front."""
    world.configuration["Socket"] = "inet:8891@localhost"
    world.main["smtpd_milters"] = "localhost:8891"
    world.main["non_smtpd_milters"] = "$smtpd_milters"


@broken("milter-address-spelling", says="unix:opendkim/opendkim.sock'")
def bare_path_outside_of_the_chroot(world):
    """A path without unix:, as it is seen from outside of the chroot."""
    world.main["smtpd_milters"] = "/var/spool/postfix/opendkim/opendkim.sock"
    world.main["non_smtpd_milters"] = "$smtpd_milters"


@broken("milter-address-spelling", says="unix:opendkim/opendkim.sock, inet:localhost:11332'")
def quotes_around_addresses(world):
    """Quotes around two addresses without a comma between them."""
    world.main["smtpd_milters"] = '"unix:opendkim/opendkim.sock" "inet:localhost:11332"'
    world.main["non_smtpd_milters"] = "unix:opendkim/opendkim.sock"
    world.after.append(lambda _: OtherMilter(listening("127.0.0.1", 11332)))


@broken("milter-not-configured", says="smtpd_milters", pains=[10])
def no_milter_for_the_network(world):
    """Mail from the network does not pass the milter."""
    world.main.pop("smtpd_milters")
    world.main["non_smtpd_milters"] = "unix:opendkim/opendkim.sock"


@broken("milter-local-mail-unsigned", says="non_smtpd_milters", pains=[10, 12])
def no_milter_for_local_programs(world):
    """Mail of cron and of web applications does not pass the milter."""
    world.main.pop("non_smtpd_milters")


@broken("milter-service-without", says="submission", pains=[10])
def no_milter_for_the_users(world):
    """master.cf takes the milter away from submission."""
    world.submission += "  -o smtpd_milters=\n"


@broken("milter-service-without", says="no_milters", pains=[10])
def no_milters_for_the_users(world):
    """receive_override_options=no_milters at submission."""
    world.submission += "  -o receive_override_options=no_milters\n"


@broken("milter-default-action", level="warn", says="tempfail", pains=[13])
def unsigned_when_the_milter_is_away(world):
    """milter_default_action = accept."""
    world.main["milter_default_action"] = "accept"


@broken("milter-protocol-old", level="warn", says="milter_protocol")
def old_milter_protocol(world):
    """milter_protocol = 2, from a guide of fifteen years ago."""
    world.main["milter_protocol"] = "2"


@broken("milter-double-signing", level="warn", says="smtpd_milters", pains=[21])
def milter_named_twice(world):
    """The milter stands twice in the list."""
    world.main["smtpd_milters"] = "unix:opendkim/opendkim.sock unix:opendkim/opendkim.sock"


@broken("milter-double-signing", level="warn", says="no_milters", pains=[21])
def signed_again_after_the_filter(world):
    """The listener behind a content filter has the milter, too."""
    world.main["content_filter"] = "smtp-amavis:[127.0.0.1]:10024"
    world.master_end += ("smtp-amavis unix - - y - 2 smtp\n"
                         "127.0.0.1:10025 inet n - y - - smtpd\n  -o content_filter=\n  -o mynetworks=127.0.0.0/8\n")


@broken("milter-timeout-short", level="warn", says="milter_content_timeout|milter_command_timeout|DNSTimeout", pains=[29])
def milter_has_no_time(world):
    """Postfix waits less for the milter than the milter for DNS."""
    world.main["milter_command_timeout"] = world.main["milter_content_timeout"] = "2s"


@broken("breakers-header-checks", level="warn", says="smtp_header_checks", pains=[20],
        by_hand="the administrator knows what the rule is for")
def header_rewritten_on_delivery(world):
    """smtp_header_checks takes the subject's mark away after signing."""
    world.main["smtp_header_checks"] = "regexp:/etc/postfix/smtp_header_checks"
    world.before.append(lambda _: write("/etc/postfix/smtp_header_checks", "/^Subject: \\[x\\] (.*)/ REPLACE Subject: $1\n"))


@broken("breakers-generic-maps", level="warn", says="smtp_generic_maps", pains=[20])
def senders_rewritten_on_delivery(world):
    """smtp_generic_maps rewrites From after signing."""
    world.main["smtp_generic_maps"] = "inline:{joe@example.com=info@example.com}"


@broken("breakers-milter-header-checks", says="milter_header_checks", pains=[20],
        by_hand="the administrator knows what the rule is for")
def signature_deleted(world):
    """milter_header_checks deletes the signature."""
    world.main["milter_header_checks"] = "regexp:/etc/postfix/milter_header_checks"
    world.before.append(lambda _: write("/etc/postfix/milter_header_checks", "/^DKIM-Signature:/ IGNORE\n"))


@broken("breakers-ses", says="amazonaws", pains=[22])
def two_signatures_for_amazon(world):
    """Amazon's relay refuses a message with two DKIM signatures."""
    world.relay("email-smtp.eu-west-1.amazonaws.com")


@broken("milter-settings-ignored", level="warn", says="/etc/default/opendkim", pains=[4])
def socket_in_an_ignored_file(world):
    """/etc/default/opendkim names a socket, which nothing reads."""
    world.before.append(lambda _: write("/etc/default/opendkim", "SOCKET=inet:12301@localhost\n"))


@broken("milter-order", level="warn", says="opendmarc", pains=[20])
def policy_before_the_verifier(world):
    """OpenDMARC stands before the milter whose results it reads."""
    world.main["smtpd_milters"] = "unix:opendmarc/opendmarc.sock unix:opendkim/opendkim.sock"
    world.after.append(lambda server: server.start_other_milter(QUEUE / "opendmarc/opendmarc.sock"))


@broken("milter-disabled-for-clients", level="warn", says="smtpd_milter_maps", pains=[10],
        by_hand="the administrator knows whose mail is to be signed")
def milter_disabled_for_a_client(world):
    """smtpd_milter_maps takes the milter away from the web server."""
    world.main["smtpd_milter_maps"] = "inline:{203.0.113.30=DISABLE}"


@broken("milter-group-not-in-effect", says="postfix reload", pains=[2])
def group_joined_after_the_start(world):
    """The user postfix joined the group, and a running smtpd does not know."""
    world.before.append(_postfix_not_in_group)

    def talk_and_join(_server):
        with smtplib.SMTP("127.0.0.1", 25, timeout=20):
            pass
        join_group("postfix", "opendkim")
    world.after.append(talk_and_join)


@broken("milter-daemon-name", level="warn", says="ORIGINATING", pains=[10])
def daemon_name_that_nobody_has(world):
    """MTA tells our users' mail by a name that no service has."""
    world.configuration["MTA"] = "ORIGINATING"
    world.submission = world.submission.replace("  -o milter_macro_daemon_name=ORIGINATING\n", "")


@broken("milter-signs-strangers", says="MTA", pains=[38])
def daemon_name_of_everybody(world):
    """MTA has the name of the service that strangers use."""
    world.configuration["MTA"] = "mail.example.com,ORIGINATING"
    world.service_option("milter_macro_daemon_name=ORIGINATING")


@broken("milter-macro-missing", says="milter_mail_macros", pains=[10])
def macro_kept_back(world):
    """Postfix does not tell the milter who has logged in."""
    world.main["milter_mail_macros"] = "i {mail_addr} {client_addr} {client_name}"
