"""Broken: TLS, submission, and who may relay."""

import os

from zoo.namespaces import MS_BIND, mount
from zoo.world import ADDRESS, DOMAIN, HOST
from zoo.worlds.case import broken


@broken("tls-not-offered", says="smtpd_tls_security_level")
def no_starttls(world):
    """Port 25 does not offer STARTTLS."""
    world.main["smtpd_tls_security_level"] = "none"


@broken("tls-certificate-expired", says="20")
def certificate_expired(world):
    """The certificate has expired."""
    world.certificate = "expired"


@broken("tls-certificate-expired", says="20")
def certificate_expired_behind_old_tls(world):
    """The certificate has expired, and TLS 1.2 also offers ciphers that need none."""
    world.certificate = "expired"
    world.main["smtpd_tls_protocols"] = "!TLSv1, !TLSv1.1, !TLSv1.3"


@broken("tls-handshake", says="SSL_connect error")
def no_protocol_in_common(world):
    """Postfix speaks TLS 1.0 only."""
    world.main["smtpd_tls_protocols"] = "!TLSv1.1, !TLSv1.2, !TLSv1.3"


@broken("tls-not-tried", level="info", says="posttls-finger", by_hand="the program belongs to Postfix's package")
def nobody_to_try_tls(world):
    """Postfix's client for trying TLS can't be run."""
    world.before.append(lambda _: mount("/dev/null", "/usr/sbin/posttls-finger", flags=MS_BIND))


@broken("tls-certificate-ending", level="warn", says="day")
def certificate_about_to_expire(world):
    """The certificate expires in three days."""
    world.certificate = "ending"


@broken("tls-certificate-untrusted", level="warn", says="self-signed|issuer|authority")
def certificate_self_signed(world):
    """The certificate is signed by itself."""
    world.certificate = "self-signed"


@broken("tls-certificate-name", level="warn", says="www.example.net")
def certificate_of_another_host(world):
    """The certificate is for another name."""
    world.certificate = "misnamed"


@broken("tls-key-differs", says="smtpd_tls_key_file", by_hand="the administrator knows where the right key is")
def certificate_with_another_key(world):
    """The private key is not the certificate's."""
    def swap(_server):
        key = world.material.file("misnamed.key").read_text()
        with open("/etc/ssl/private/mail.example.com.key", "w", encoding="ascii") as file:
            file.write(key)
    world.before.append(swap)


@broken("tls-not-used", level="warn", says="smtp_tls_security_level")
def mail_leaves_unencrypted(world):
    """smtp_tls_security_level is empty."""
    world.main["smtp_tls_security_level"] = ""


@broken("submission-auth-in-clear", says="smtpd_tls_auth_only")
def passwords_in_the_clear(world):
    """Submission takes passwords without TLS."""
    world.submission = world.submission.replace("smtpd_tls_auth_only=yes", "smtpd_tls_auth_only=no").replace(
        "smtpd_tls_security_level=encrypt", "smtpd_tls_security_level=may")


@broken("submission-no-sasl", says="smtpd_sasl_auth_enable")
def submission_without_passwords(world):
    """Submission does not ask who it is."""
    world.submission = world.submission.replace("smtpd_sasl_auth_enable=yes", "smtpd_sasl_auth_enable=no")


@broken("submission-sender-not-bound", level="info", says="reject_sender_login_mismatch", by_hand="who may write as whom is for the administrator to say")
def users_send_as_each_other(world):
    """Any user may write any From."""
    world.submission = world.submission.replace("  -o smtpd_sender_restrictions=reject_sender_login_mismatch\n", "")
    world.main.pop("smtpd_sender_login_maps")


@broken("relay-open", says="mynetworks")
def open_relay(world):
    """master.cf trusts everybody who comes by port 25."""
    world.service_option("mynetworks=0.0.0.0/0")


@broken("relay-open", says="static:OK")
def open_relay_by_a_table(world):
    """A table before the barrier says OK to everybody."""
    world.main["smtpd_relay_restrictions"] = "check_client_access static:OK, reject_unauth_destination"


@broken("port-25-not-answering", says="25", by_hand="the log tells what smtpd objects to")
def restrictions_that_postfix_refuses(world):
    """Without any word against relaying, smtpd ends as soon as it is asked."""
    world.main["smtpd_relay_restrictions"] = "permit"


@broken("relay-open", says="mynetworks")
def whole_world_trusted(world):
    """mynetworks has everybody."""
    world.main["mynetworks"] = "127.0.0.0/8 0.0.0.0/0"


@broken("relay-networks-wide", level="warn", says="mynetworks")
def provider_trusted(world):
    """mynetworks has the provider's whole network."""
    world.main["mynetworks"] = "127.0.0.0/8 [::1]/128 203.0.112.0/20"


@broken("tlsa-differs", says="TLSA")
def tlsa_of_the_old_certificate(world):
    """The certificate was renewed with a new key, and the TLSA record was not."""
    world.signed_zones = ["", DOMAIN]
    world.records.add(f"_25._tcp.{HOST}", "TLSA", f"3 1 1 {world.material.certificate_hash('expired')}")


@broken("tlsa-without-dnssec", level="warn", says="DNSSEC", by_hand="the zone's operator signs it")
def tlsa_without_dnssec(world):
    """A TLSA record in a zone that is not signed."""
    world.records.add(f"_25._tcp.{HOST}", "TLSA", f"3 1 1 {world.material.certificate_hash('good')}")


@broken("tlsa-usage", level="warn", says="3 1 1", by_hand="the record is told in words")
def tlsa_for_the_web(world):
    """A TLSA record of a usage that mail does not know."""
    world.signed_zones = ["", DOMAIN]
    world.records.add(f"_25._tcp.{HOST}", "TLSA", f"1 1 1 {world.material.certificate_hash('good')}")


@broken("mta-sts-no-host", level="warn", says="mta-sts.example.com", by_hand="the policy is served by a web server")
def strict_transport_without_a_policy(world):
    """MTA-STS is announced, and its policy can't be fetched."""
    world.records.add(f"_mta-sts.{DOMAIN}", "TXT", "v=STSv1; id=20260101T000000")


@broken("mta-sts-syntax", level="warn", says="id=")
def strict_transport_without_a_number(world):
    """MTA-STS with an id that has a dash."""
    world.records.add(f"_mta-sts.{DOMAIN}", "TXT", "v=STSv1; id=2026-01-01")
    world.records.add(f"mta-sts.{DOMAIN}", "A", ADDRESS)


@broken("tls-rpt-syntax", level="warn", says="mailto:")
def reports_on_tls_to_nowhere(world):
    """A bare address for reports on TLS."""
    world.records.add(f"_smtp._tls.{DOMAIN}", "TXT", f"v=TLSRPTv1; rua=tls@{DOMAIN}")


@broken("bimi-without-policy", level="warn", says="quarantine|reject")
def logo_without_a_policy(world):
    """BIMI with a DMARC policy that only watches."""
    world.records.put(f"_dmarc.{DOMAIN}", "TXT", f"v=DMARC1; p=none; rua=mailto:postmaster@{DOMAIN}")
    world.records.add(f"default._bimi.{DOMAIN}", "TXT", f"v=BIMI1; l=https://{DOMAIN}/logo.svg;")


@broken("caa-forbids-all", level="warn", says="CAA")
def no_authority_may_issue(world):
    """CAA forbids every authority to renew the certificate."""
    world.records.add(DOMAIN, "CAA", '0 issue ";"')


@broken("tls-file-missing", says="/etc/ssl/certs/mail.example.com.pem")
def certificate_file_gone(world):
    """The certificate's file is not there."""
    world.before.append(lambda _: os.unlink("/etc/ssl/certs/mail.example.com.pem"))


@broken("tls-key-open", level="warn", says="chmod")
def certificate_key_for_all_to_read(world):
    """The certificate's private key can be read by everybody on the machine."""
    world.before.append(lambda _: os.chmod("/etc/ssl/private/mail.example.com.key", 0o644))


@broken("tls-demanded-of-senders", level="warn", says="smtpd_tls_security_level")
def senders_must_encrypt(world):
    """Port 25 takes no mail without TLS."""
    world.main["smtpd_tls_security_level"] = "encrypt"


@broken("tls-demanded-of-all", level="warn", says="smtp_tls_security_level")
def receivers_must_have_good_certificates(world):
    """No mail leaves for a server without a certificate that holds."""
    world.main["smtp_tls_security_level"] = "secure"
