"""A Postfix instance with its own configuration, queue and data directory, that never touches the system's."""

import grp
import os
import pathlib
import pwd
import shutil
import socket
import subprocess
import time

MAIN = """\
compatibility_level = 3.6
queue_directory = {queue}
data_directory = {data}
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mx.example.com
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
relayhost = [127.0.0.1]:{sink}
mynetworks = 127.0.0.0/8 [::1]/128
inet_interfaces = 127.0.0.1
inet_protocols = {protocols}
smtpd_relay_restrictions = permit_mynetworks, permit_auth_destination, reject
smtpd_authorized_xclient_hosts = 127.0.0.1
local_header_rewrite_clients = check_address_map inline:{{127.0.0.1=local}}
relay_domains = inside.example
relay_transport = relay:[127.0.0.1]:{sink}
smtp_dns_support_level = disabled
smtp_host_lookup = native
smtp_line_length_limit = 0
message_size_limit = 104857600
mailbox_size_limit = 0
default_process_limit = 220
smtp_destination_concurrency_limit = 20
initial_destination_concurrency = 20
maillog_file = {log}
maillog_file_prefixes = {directory}
milter_protocol = 6
milter_default_action = tempfail
smtpd_milters = {milter}
non_smtpd_milters = $smtpd_milters
{extra}
"""

# Debian's master.cf, as far as this test needs it: smtpd and smtp run in the chroot.
MASTER = """\
127.0.0.1:{port} inet n - y - - smtpd
127.0.0.1:{plain_port} inet n - y - - smtpd
  -o smtpd_milters=
pickup unix n - y 1 1 pickup
cleanup unix n - y - 0 cleanup
qmgr unix n - n 1 1 qmgr
rewrite unix - - y - - trivial-rewrite
bounce unix - - y - 0 bounce
defer unix - - y - 0 bounce
trace unix - - y - 0 bounce
verify unix - - y - 1 verify
flush unix n - y 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - y - - smtp
relay unix - - y - - smtp
showq unix n - y - - showq
error unix - - y - - error
retry unix - - y - - error
discard unix - - y - - discard
local unix - n n - - local
anvil unix - - y - 1 anvil
scache unix - - y - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

CHROOT_FILES = ("hosts", "services", "resolv.conf", "nsswitch.conf", "host.conf", "localtime")


class Postfix:
    """`port` speaks SMTP through the milter, `plain_port` without it."""

    def __init__(self, directory, sink_port):
        self.directory = pathlib.Path(directory)
        self.queue, self.data = self.directory / "queue", self.directory / "data"
        self.config, self.log = self.directory / "config", self.directory / "mail.log"
        self.sink_port = sink_port
        self.port, self.plain_port = free_port(), free_port()
        postfix = pwd.getpwnam("postfix")
        for path in (self.queue, self.data, self.config):
            path.mkdir()
        os.chown(self.data, postfix.pw_uid, postfix.pw_gid)
        self.socket = self.queue / "opendkim" / "opendkim.sock"
        self.socket.parent.mkdir()
        os.chown(self.socket.parent, pwd.getpwnam("opendkim").pw_uid, grp.getgrnam("postfix").gr_gid)
        self.socket.parent.chmod(0o750)
        self._fill_chroot()
        self.configure("local:/opendkim/opendkim.sock")
        shutil.copy("/etc/postfix/postfix-files", self.config)
        for name in ("dynamicmaps.cf", "postfix-files.d", "dynamicmaps.cf.d"):
            source = pathlib.Path("/etc/postfix", name)
            if source.is_dir():
                (self.config / name).mkdir()
            elif source.exists():
                (self.config / name).touch()

    def configure(self, milter, extra=""):
        """Writes main.cf and master.cf."""
        values = {
            "queue": self.queue, "data": self.data, "directory": self.directory, "log": self.log,
            "sink": self.sink_port, "milter": milter, "extra": extra,
            "protocols": "all" if has_ipv6() else "ipv4",
        }
        (self.config / "main.cf").write_text(MAIN.format(**values))
        (self.config / "master.cf").write_text(MASTER.format(port=self.port, plain_port=self.plain_port))

    def _fill_chroot(self):
        (self.queue / "etc").mkdir()
        for name in CHROOT_FILES:
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", self.queue / "etc" / name)
        libraries = pathlib.Path("/usr/lib") / f"{os.uname().machine}-linux-gnu"
        target = self.queue / str(libraries).lstrip("/")
        target.mkdir(parents=True)
        for library in libraries.glob("libnss_*.so*"):
            shutil.copy(library, target)

    def start(self):
        """Starts the master and waits for SMTP."""
        self._postfix("start")
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=5):
                    return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError("Postfix does not answer; its log:\n" + self.log_text())

    def reload(self):
        """Takes up a changed main.cf."""
        self._postfix("reload")

    def stop(self):
        """Ends every process of the instance."""
        subprocess.run(["postfix", "-c", self.config, "stop"], capture_output=True, check=False)

    def _postfix(self, command):
        done = subprocess.run(["postfix", "-c", self.config, command], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"postfix {command}: {done.stdout}{done.stderr}\n{self.log_text()}")

    def sendmail(self, message, sender, recipient):
        """Submits a message (LF line ends, as programs on the host do) with this instance's sendmail."""
        done = subprocess.run(
            ["sendmail", "-C", self.config, "-i", "-f", sender, recipient], input=message, capture_output=True, check=False)
        if done.returncode:
            raise RuntimeError(f"sendmail: {done.stderr.decode()}")

    def log_text(self):
        """What Postfix logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def has_ipv6():
    """Whether the kernel knows IPv6, without which Postfix does not hear of such clients."""
    try:
        with socket.socket(socket.AF_INET6):
            return True
    except OSError:
        return False


def free_port():
    """A TCP port nothing listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
