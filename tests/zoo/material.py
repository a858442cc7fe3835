"""Keys and certificates of all worlds, made once: making them takes longer than everything else in a world."""

import base64
import dataclasses
import hashlib
import pathlib
import subprocess

HOST = "mail.example.com"
CERTIFICATE_DAYS = 90


@dataclasses.dataclass
class Key:
    """A private key as text, and the p= that goes with it."""

    kind: str
    private: str
    public: str

    @property
    def record(self):
        """The text to publish."""
        return f"v=DKIM1; k={self.kind}; p={self.public}"


class Material:
    """What worlds take their keys and certificates from. `directory` holds the files."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.keys = {
            "rsa": self._rsa(2048), "other": self._rsa(2048), "small": self._rsa(1024), "tiny": self._rsa(768),
            "large": self._rsa(4096), "ed25519": self._ed25519(),
        }
        self.zone_keys = {zone: self._zone_key(zone) for zone in ("", "example.com")}
        self._authority()
        self.certificate("good", HOST)
        self.certificate("expired", HOST, clock="2 years ago")
        self.certificate("ending", HOST, days=3)
        self.certificate("misnamed", "www.example.net")
        self._run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.file("self-signed.key"), "-out",
                  self.file("self-signed.pem"), "-days", 3650, "-subj", f"/CN={HOST}", "-addext", f"subjectAltName=DNS:{HOST}")

    def file(self, name):
        """The path of a certificate (`.pem`) or its key (`.key`)."""
        return self.directory / name

    def certificate(self, name, host, days=CERTIFICATE_DAYS, clock=None):
        """A host's certificate, by our authority, made at another time if `clock` says so."""
        early = ["faketime", clock] if clock else []
        self._run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", self.file(f"{name}.key"), "-out",
                  self.file(f"{name}.csr"), "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}")
        self._run(*early, "openssl", "x509", "-req", "-in", self.file(f"{name}.csr"), "-CA", self.file("ca.pem"), "-CAkey",
                  self.file("ca.key"), "-CAcreateserial", "-days", days, "-copy_extensions", "copy", "-out",
                  self.file(f"{name}.pem"))

    def certificate_hash(self, name):
        """SHA-256 of a certificate's public key, as TLSA records of the usual kind (3 1 1) have it."""
        public = self._run("openssl", "x509", "-in", self.file(f"{name}.pem"), "-noout", "-pubkey")
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public, capture_output=True, check=True)
        return hashlib.sha256(der.stdout).hexdigest()

    def _zone_key(self, zone):
        """A DNSSEC key that signs everything in its zone; its base name."""
        name = self._run("ldns-keygen", "-a", "ECDSAP256SHA256", "-k", zone or ".", directory=self.directory)
        return self.file(name.decode().strip())

    def _authority(self):
        self._run("faketime", "3 years ago", "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
                  self.file("ca.key"), "-out", self.file("ca.pem"), "-days", 7300, "-subj", "/CN=Authority of the zoo")

    def _rsa(self, bits):
        path = self.file(f"rsa-{bits}")
        self._run("openssl", "genrsa", "-out", path, bits)
        return self._key("rsa", path)

    def _ed25519(self):
        path = self.file("ed25519")
        self._run("openssl", "genpkey", "-algorithm", "ed25519", "-out", path)
        return self._key("ed25519", path)

    def _key(self, kind, path):
        der = self._run("openssl", "pkey", "-in", path, "-pubout", "-outform", "DER")
        public = base64.b64encode(der[-32:] if kind == "ed25519" else der).decode()
        return Key(kind, path.read_text(), public)

    @staticmethod
    def _run(*command, directory=None):
        done = subprocess.run([str(word) for word in command], capture_output=True, check=False, cwd=directory)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr.decode()}")
        return done.stdout
