"""Builds the mail server of a world in the present namespaces and starts what runs on it."""

import grp
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import time

from zoo import internet, own
from zoo.namespaces import MS_BIND, SCRATCH, Outside, ip, mount, private_files
from zoo.strangers import BadNameServer, OtherMilter, Receiver
from zoo.world import DOMAIN, GATEWAY, GATEWAY6, KEYS, PRIVATE_GATEWAY

HERE = pathlib.Path(__file__).resolve().parents[2]
QUEUE = pathlib.Path("/var/spool/postfix")
DATA = pathlib.Path("/var/lib/postfix")
CHROOT_FILES = ("hosts", "services", "resolv.conf", "nsswitch.conf", "host.conf", "localtime")
QUEUE_DIRECTORIES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")
# Postfix's other directories: (name, owner, group, mode).
SHARED_DIRECTORIES = (("maildrop", "postfix", "postdrop", 0o1730), ("public", "postfix", "postdrop", 0o2710), ("pid", "root", "root", 0o755))
START_SECONDS = 20
MILTER = SCRATCH / "opendkim"
MASTER_PROGRAM = "/usr/lib/postfix/sbin/master"
MASTER_DIST = "/usr/share/postfix/master.cf.dist"
SMTP_LINE = "smtp      inet  n       -       y       -       -       smtpd\n"
USER_LINE = "joe:x:1000:1000:Joe:/home/joe:/bin/sh"
# Debian's accounts for people begin here; nobody has the last one before the reserved numbers.
FIRST_PERSON, NOBODY = 1000, 65534


class Server:
    """A built world. `receivers` are the mail servers of others, by domain."""

    def __init__(self, world, program):
        self.world = world
        self.receivers, self.daemons = {}, {}
        private_files(program, world.material.directory, HERE)
        nothing_left(QUEUE, DATA)
        self.program = self._install(program)
        socket.sethostname(world.hostname)
        self.outside = Outside()
        self._addresses()
        self._strangers()
        self._system_files()
        self._milter_files()
        self._postfix_files()
        for work in world.before:
            work(self)
        own.start_syslog()
        self._wait_for_dns()
        if world.milter_runs:
            self.start_milter()
        # Dovecot runs whether or not Postfix does.
        own.start_passwords(QUEUE / "private/auth")
        if world.postfix_runs:
            self.start_postfix()
        for work in world.after:
            work(self)

    @staticmethod
    def _install(program):
        """Puts the program where every user reaches it, as a package does; returns its path."""
        place = SCRATCH / "dkimd"
        place.touch()
        mount(program, place, flags=MS_BIND)
        # Under this name it logs as the package's service does.
        MILTER.symlink_to(place)
        return str(place)

    def _addresses(self):
        receivers = [address for _, addresses in self.world.receivers.values() for address in addresses
                     if address not in self.world.unreachable]
        receivers += [address for address, _, _ in self.world.strangers]
        outside = (internet.ROOT_SERVER, internet.FIRST, internet.SECOND, *internet.PUBLIC_RESOLVERS,
                   *(receivers if self.world.port_25_leaves else ()))
        with self.outside.entered():
            ip(f"address add {GATEWAY}/24 dev out", f"address add {GATEWAY6}/64 dev out nodad",
               f"address add {PRIVATE_GATEWAY}/24 dev out", *(f"address add {a} dev lo{' nodad' if ':' in a else ''}" for a in outside))
        lines = [f"address add {a}/64 dev eth0 nodad" if ":" in a else f"address add {a}/24 dev eth0"
                 for a in self.world.addresses]
        lines.append(f"route add default via {self.world.gateway} dev eth0")
        if any(":" in address for address in self.world.addresses):
            lines.append(f"route add default via {GATEWAY6} dev eth0")
        ip(*lines)

    def _strangers(self):
        """Everything outside, and the server's own resolver."""
        world = self.world
        with self.outside.entered():
            first = [internet.ROOT_SERVER, internet.FIRST]
            if world.bad_second is not False:
                BadNameServer(internet.SECOND, world.bad_second)
            elif world.second:
                internet.start_nsd(SCRATCH / "nsd2", [internet.SECOND], self._published(world.second))
            else:
                first.append(internet.SECOND)
            self._start_dns(first)
            if world.port_25_leaves:
                for domain, (name, addresses) in world.receivers.items():
                    self.receivers[domain] = Receiver(name, addresses, world.refusals.get(domain), world.greetings.get(domain))
                for address, port, name in world.strangers:
                    self.receivers[name] = Receiver(name, [address], port=port)
        self._start_resolver()

    def _published(self, records):
        world = self.world
        keys = {zone: world.material.zone_keys[zone] for zone in world.signed_zones}
        return internet.Published(records, world.zones, world.zone_lines, keys, world.signed_until)

    def _start_dns(self, addresses):
        self.authority = addresses
        self.daemons["nsd"] = internet.start_nsd(SCRATCH / "nsd", addresses, self._published(self.world.records))
        self.daemons["public"] = internet.start_unbound(SCRATCH / "public", internet.PUBLIC_RESOLVERS)

    def _start_resolver(self):
        if self.world.resolver_runs:
            anchor = f"{self.world.material.zone_keys['']}.ds" if self.world.signed_zones else None
            self.daemons["resolver"] = internet.start_unbound(
                SCRATCH / "resolver", ["127.0.0.1"], anchor, self.world.resolver_options)

    def _wait_for_dns(self):
        for address in (internet.ROOT_SERVER, internet.PUBLIC_RESOLVERS[0]):
            internet.wait_for_answer(address)
        if self.world.resolver_runs:
            internet.wait_for_answer("127.0.0.1")

    def publish(self, zone, lines):
        """Adds lines to a zone file, and lets every cache forget what it knew."""
        self.world.zone_lines[zone] = self.world.zone_lines.get(zone, "") + lines
        self._serve_again()

    def change_records(self, records):
        """Publishes records, (name, kind, data) each, in place of those that they correct."""
        for name, kind in {record[:2] for record in records}:
            self.world.records.correct(name, kind, [data for *rest, data in records if rest == [name, kind]])
        self._serve_again()

    def _serve_again(self):
        for name in ("nsd", "public", "resolver"):
            self.daemons[name].terminate()
            self.daemons[name].wait()
        with self.outside.entered():
            self._start_dns(self.authority)
        self._start_resolver()
        self._wait_for_dns()

    def _system_files(self):
        world, material = self.world, self.world.material
        write("/etc/resolv.conf", "".join(f"nameserver {address}\n" for address in world.nameservers), replace=True)
        hosts = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", *world.hosts]
        write("/etc/hosts", "\n".join(hosts) + "\n", replace=True)
        write("/etc/hostname", world.hostname + "\n", replace=True)
        write("/etc/mailname", world.mailname + "\n")
        own_accounts()
        if not world.packaged:
            join_group("postfix", "opendkim")
        authority = material.file("ca.pem").read_text()
        with open("/etc/ssl/certs/ca-certificates.crt", "a", encoding="ascii") as store:
            store.write(authority)
        write("/etc/ssl/certs/zoo.pem", authority)
        write("/etc/ssl/certs/mail.example.com.pem", material.file(f"{world.certificate}.pem").read_text())
        write("/etc/ssl/private/mail.example.com.key", material.file(f"{world.certificate}.key").read_text(), mode=0o600)
        os.truncate(write(own.LOG, ""), 0)

    def _milter_files(self):
        world = self.world
        for path in ("/etc/default/opendkim", "/etc/opendkim", KEYS):
            remove(path)
        directory("/run/opendkim", "opendkim", "opendkim", 0o750)
        directory(KEYS, "opendkim", "opendkim", 0o700)
        if world.packaged:
            write("/etc/opendkim.conf", world.packaged)
            directory(QUEUE / "opendkim", "opendkim", "postfix", 0o2750)
            return
        lines = [f"{name:<23} {value}\n" for name, value in world.configuration.items()]
        write("/etc/opendkim.conf", "".join(lines))
        write("/etc/opendkim/KeyTable", "".join(line + "\n" for line in world.key_table))
        write("/etc/opendkim/SigningTable", "".join(line + "\n" for line in world.signing_table))
        write("/etc/opendkim/TrustedHosts", "".join(line + "\n" for line in world.trusted))
        for name, key in world.keys.items():
            write(f"{KEYS}/{name}.private", key.private, mode=0o600, owner="opendkim")
        directory(QUEUE / "opendkim", "opendkim", "opendkim", 0o750)

    def _postfix_files(self):
        world = self.world
        directory(DATA, "postfix", "postfix", 0o755)
        for name in QUEUE_DIRECTORIES:
            directory(QUEUE / name, "postfix", "root", 0o700)
        for name, owner, group, mode in SHARED_DIRECTORIES:
            directory(QUEUE / name, owner, group, mode)
        write("/etc/aliases", "".join(line + "\n" for line in world.aliases))
        write("/etc/postfix/main.cf", "".join(f"{name} = {value}\n" for name, value in world.main.items()))
        master = pathlib.Path(MASTER_DIST).read_text(encoding="utf-8")
        master = master.replace(SMTP_LINE, SMTP_LINE + "".join(line + "\n" for line in world.smtp_options))
        for old, new in world.master_edits:
            if old not in master:
                raise RuntimeError(f"{MASTER_DIST} has no {old!r}")
            master = master.replace(old, new)
        write("/etc/postfix/master.cf", master + world.submission + world.master_end)
        # Every program of Postfix waits for files that may still be in the hands of an editor.
        for name in ("main.cf", "master.cf"):
            os.utime(f"/etc/postfix/{name}", (0, 0))
        for name in CHROOT_FILES:
            if os.path.exists(f"/etc/{name}"):
                write(QUEUE / "etc" / name, "")
                shutil.copy(f"/etc/{name}", QUEUE / "etc" / name)

    def start_milter(self):
        """Starts the program under test and waits until it listens, or ends if that is this world's fault."""
        with open(SCRATCH / "milter.log", "ab") as log:
            milter = subprocess.Popen([MILTER, "-f", "-x", "/etc/opendkim.conf"], stdin=subprocess.DEVNULL, stdout=log,
                                      stderr=log)
        self.daemons["milter"] = milter
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if milter.poll() is not None:
                if self.world.milter_fails:
                    return
                raise RuntimeError("the milter ended: " + self.logs())
            if reachable(self.world.configuration["Socket"]):
                if self.world.milter_fails:
                    raise RuntimeError("the milter was to fail, and runs")
                return
            time.sleep(0.01)
        raise RuntimeError("the milter does not listen: " + self.logs())

    def start_postfix(self):
        """Starts the master as `postfix start` does, without its slow look at every file."""
        run("newaliases")
        run(MASTER_PROGRAM, "-w")

    def write_to(self, recipient):
        """Sends a message and waits until it has been deferred or is gone."""
        run("/usr/sbin/sendmail", "-i", "-f", f"joe@{DOMAIN}", recipient, text=f"From: joe@{DOMAIN}\nTo: {recipient}\n\nText.\n")
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            waiting = run("postqueue", "-j")
            if not waiting or '"delay_reason"' in waiting:
                return
            time.sleep(0.05)
        raise RuntimeError("the message is still under way: " + self.logs())

    @staticmethod
    def start_other_milter(path):
        """Somebody else's milter."""
        directory(pathlib.Path(path).parent, "opendkim", "postfix", 0o750)
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(path))
        os.chmod(path, 0o666)
        door.listen(8)
        OtherMilter(door)

    def doctor(self, *arguments, seconds=120):
        """What the program's doctor does: (exit status, standard output, standard error)."""
        command = [self.program, "doctor", *self.world.domains, *arguments, *self.world.arguments]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)
        return done.returncode, done.stdout, done.stderr

    @staticmethod
    def logs():
        """The logs of the server, and what its name servers complained of."""
        text = ""
        for path in (pathlib.Path(own.LOG), SCRATCH / "milter.log"):
            text += f"--- {path}\n{path.read_text(errors='replace')[-6000:]}" if path.exists() else ""
        for path in sorted(SCRATCH.glob("*/*.log")):
            text += "".join(f"{path.name}: {line}\n" for line in path.read_text(errors="replace").splitlines()
                            if re.search("error|warn|fatal", line))
        return text


def run(*command, text=""):
    """Runs a command that must succeed, with this text as its input; returns what it prints."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def write(path, text, mode=0o644, owner=None, replace=False):
    """Writes a file and the directories above it; `replace` where it may be a link to somewhere."""
    path = pathlib.Path(path)
    if replace:
        path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    if owner:
        shutil.chown(path, owner, owner)
    return path


def nothing_left(*directories):
    """Makes these directories anew and empty: the host's mail, locks and copies are none of ours."""
    for path in directories:
        path.mkdir(parents=True, exist_ok=True)
        mount("tmpfs", path, "tmpfs", options="mode=755")


def remove(path):
    """Removes a file or a directory, if it is there."""
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def directory(path, owner, group, mode):
    """Makes a directory."""
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
    path.chmod(mode)


def own_accounts():
    """The host's accounts of programs and one person; nobody is in a group of another."""
    path = pathlib.Path("/etc/passwd")
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        fields = line.split(":")
        number = int(fields[2]) if len(fields) == 7 and fields[2].isdigit() else FIRST_PERSON
        if fields[0] != "joe" and (number < FIRST_PERSON or number == NOBODY):
            lines.append(line)
    path.write_text("\n".join([*lines, USER_LINE]) + "\n", encoding="utf-8")
    path = pathlib.Path("/etc/group")
    lines = [line.rpartition(":")[0] + ":" for line in path.read_text(encoding="utf-8").splitlines() if line.count(":") == 3]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Nobody else is asked.
    write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nservices: files\n")


def join_group(user, group):
    """Makes a user a member of a group."""
    path = pathlib.Path("/etc/group")
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{group}:") and user not in line.split(":")[3].split(","):
            line += ("" if line.endswith(":") else ",") + user
        lines.append(line)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def leave_group(user, group):
    """Makes a user no member of a group any more."""
    path = pathlib.Path("/etc/group")
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        name, rest, number, members = line.split(":")
        if name == group:
            members = ",".join(member for member in members.split(",") if member != user)
        lines.append(":".join((name, rest, number, members)))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def reachable(listen):
    """Whether somebody listens at an address written as the Socket option has it."""
    kind, _, rest = listen.partition(":")
    try:
        if kind == "inet":
            port, _, host = rest.partition("@")
            with socket.create_connection((host or "127.0.0.1", int(port)), timeout=1):
                return True
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(rest)
            return True
    except OSError:
        return False
