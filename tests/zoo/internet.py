"""The DNS of a world: what everybody has published, served by nsd, and resolved by unbound."""

import dataclasses
import pathlib
import socket
import struct
import subprocess
import time

ROOT_SERVER = "192.0.2.1"
FIRST, SECOND = "192.0.2.53", "192.0.2.54"
# Everybody's resolvers, whose answers block lists refuse.
PUBLIC_RESOLVERS = ("1.1.1.1", "8.8.8.8", "9.9.9.9")
TTL_SECONDS = 300
STRING_OCTETS = 255
START_SECONDS = 5
SOA_QUERY = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", 6, 1)

NSD = """\
server:
  {addresses}
  port: 53
  username: ""
  chroot: ""
  zonesdir: "{directory}"
  database: ""
  pidfile: "{directory}/nsd.pid"
  zonelistfile: "{directory}/zone.list"
  xfrdfile: ""
  xfrdir: "{directory}"
  logfile: "{directory}/nsd.log"
  server-count: 1
  rrl-ratelimit: 0
  hide-version: yes
remote-control:
  control-enable: no
"""
UNBOUND = """\
server:
  {interfaces}
  port: 53
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  username: ""
  chroot: ""
  directory: "{directory}"
  pidfile: ""
  use-syslog: no
  logfile: "{directory}/unbound.log"
  module-config: "{modules}"
  {anchor}
  root-hints: "{directory}/root.hints"
  do-ip6: no
  num-threads: 1
  so-reuseport: no
  hide-identity: yes
  minimal-responses: no
  unblock-lan-zones: yes
  {more}
remote-control:
  control-enable: no
"""


class Records:
    """All that is published, name by name. TXT data is the text itself; everything else as zone files have it."""

    def __init__(self, entries=None):
        self.entries = entries or []

    def copy(self):
        """An independent copy, for a server that has something else."""
        return Records(list(self.entries))

    def add(self, name, kind, *data):
        """One record more for each of `data`."""
        self.entries += [(name, kind, item) for item in data]

    def drop(self, name, kind=None):
        """Takes away what is at the name, of one kind or of all."""
        self.entries = [e for e in self.entries if e[0] != name or kind not in (None, e[1])]

    def put(self, name, kind, *data):
        """These records and none else of their kind."""
        self.drop(name, kind)
        self.add(name, kind, *data)

    def correct(self, name, kind, data):
        """These records in place of those that they are a better form of."""
        for old in self.get(name, kind):
            # Any domain has texts for other purposes.
            if kind != "TXT" or name.startswith("_") or "._" in name or any(old[:6] == new[:6] for new in data):
                self.entries.remove((name, kind, old))
        self.add(name, kind, *data)

    def get(self, name, kind):
        """The data of all records of a kind."""
        return [e[2] for e in self.entries if e[:2] == (name, kind)]

    def below(self, zone, cuts):
        """The records that belong to a zone, not to one of the zones cut from it."""
        def owner(name):
            return max((c for c in cuts if name == c or name.endswith("." + c)), key=len, default="")
        return [e for e in self.entries if owner(e[0]) == zone]


def quoted(text):
    """A TXT record's text as the strings of a zone file."""
    pieces = [text[i:i + STRING_OCTETS] for i in range(0, len(text), STRING_OCTETS)] or [""]
    return " ".join('"{}"'.format(p.replace("\\", "\\\\").replace('"', '\\"')) for p in pieces)


def reverse(address):
    """The name of an address below in-addr.arpa or ip6.arpa."""
    return f"{nibbles(address)}.{'ip6' if ':' in address else 'in-addr'}.arpa"


def nibbles(address):
    """An address backwards, as reverse zones and block lists write it."""
    if ":" in address:
        return ".".join(reversed(socket.inet_pton(socket.AF_INET6, address).hex()))
    return ".".join(reversed(address.split(".")))


def zone_file(zone, records, cuts, more=""):
    """A zone as text, with `more` lines at its end. The zones of `cuts` are delegated from the root to both servers."""
    origin = f"{zone}." if zone else "."
    servers = ("ns1.example.com", "ns2.example.com") if zone else ("a.root-servers.net",)
    lines = [f"{origin} {TTL_SECONDS} IN SOA {servers[0]}. hostmaster.example.com. 1 7200 3600 604800 60"]
    lines += [f"{origin} {TTL_SECONDS} IN NS {server}." for server in servers]
    if not zone:
        lines += [f"a.root-servers.net. {TTL_SECONDS} IN A {ROOT_SERVER}"]
        for cut in cuts:
            lines += [f"{cut}. {TTL_SECONDS} IN NS ns1.example.com.", f"{cut}. {TTL_SECONDS} IN NS ns2.example.com."]
        lines += [f"ns1.example.com. {TTL_SECONDS} IN A {FIRST}", f"ns2.example.com. {TTL_SECONDS} IN A {SECOND}"]
    for name, kind, data in records.below(zone, cuts):
        lines.append(f"{name}. {TTL_SECONDS} IN {kind} {quoted(data) if kind == 'TXT' else data}")
    return "\n".join(lines) + "\n" + more


@dataclasses.dataclass
class Published:
    """What an authoritative server has to serve."""

    records: Records
    # The zones cut from the root.
    cuts: list
    # Lines to add to zone files, by zone.
    more: dict = dataclasses.field(default_factory=dict)
    # Base names of the DNSSEC keys of signed zones; the root's is called "".
    keys: dict = dataclasses.field(default_factory=dict)
    # When the signatures end, if not in four weeks.
    signed_until: str | None = None

    def write(self, directory, number, zone):
        """Writes a zone file and returns its name."""
        path = directory / f"{number}.zone"
        more = self.more.get(zone, "")
        if not zone:
            more += "".join(pathlib.Path(f"{key}.ds").read_text(encoding="ascii") for cut, key in self.keys.items() if cut)
        path.write_text(zone_file(zone, self.records, self.cuts, more))
        if zone in self.keys:
            until = ["-e", self.signed_until, "-i", "20200101"] if self.signed_until and zone else []
            subprocess.run(["ldns-signzone", "-o", zone or ".", *until, "-f", path, path, self.keys[zone]], check=True)
        return path.name


def start_nsd(directory, addresses, published):
    """An authoritative server for the root and all zones cut from it."""
    directory = pathlib.Path(directory)
    directory.mkdir(exist_ok=True)
    text = NSD.format(addresses="\n  ".join(f"ip-address: {a}" for a in addresses), directory=directory)
    for number, zone in enumerate(("", *published.cuts)):
        text += f'zone:\n  name: "{zone or "."}"\n  zonefile: "{published.write(directory, number, zone)}"\n'
    (directory / "nsd.conf").write_text(text)
    return subprocess.Popen(["nsd", "-d", "-c", str(directory / "nsd.conf")], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def start_unbound(directory, addresses, anchor=None, more=""):
    """A recursive resolver that begins at our root; it validates if there is an anchor."""
    directory = pathlib.Path(directory)
    directory.mkdir(exist_ok=True)
    (directory / "root.hints").write_text(f". 3600 NS a.root-servers.net.\na.root-servers.net. 3600 A {ROOT_SERVER}\n")
    (directory / "unbound.conf").write_text(UNBOUND.format(
        interfaces="\n  ".join(f"interface: {a}" for a in addresses), directory=directory, more=more,
        modules="validator iterator" if anchor else "iterator", anchor=f'trust-anchor-file: "{anchor}"' if anchor else ""))
    return subprocess.Popen(["unbound", "-d", "-c", str(directory / "unbound.conf")], stdout=subprocess.DEVNULL,
                            stderr=subprocess.DEVNULL)


def wait_for_answer(address):
    """Waits until a name server answers for the root."""
    end = time.monotonic() + START_SECONDS
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.5)
        while time.monotonic() < end:
            try:
                probe.connect((address, 53))
                probe.send(SOA_QUERY)
                if probe.recv(4096)[3] & 15 == 0:
                    return
            except OSError:
                pass
            time.sleep(0.01)
    raise RuntimeError(f"no name server answers at {address}")
