"""Makes the keys of the tests with openssl and publishes them as records for every verifier."""

import base64
import pathlib
import subprocess


class Key:
    """A private key file and the TXT record that goes with it."""

    def __init__(self, directory, domain, selector, kind="rsa", bits=2048):
        directory = pathlib.Path(directory)
        directory.mkdir(parents=True, exist_ok=True)
        self.domain, self.selector = domain, selector
        self.path = directory / f"{selector}.{domain}.private"
        if kind == "rsa":
            _openssl("genrsa", "-traditional", "-out", self.path, bits)
            der = _openssl("rsa", "-in", self.path, "-pubout", "-outform", "DER")
            public = der
        else:
            _openssl("genpkey", "-algorithm", "ed25519", "-out", self.path)
            public = _openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-32:]
        self.path.chmod(0o600)
        self.record = f"v=DKIM1; k={kind}; p={base64.b64encode(public).decode()}"

    @property
    def name(self):
        """Where the record is published."""
        return f"{self.selector}._domainkey.{self.domain}"


def publish(keys, path):
    """Writes the records in the form of opendkim's TestPublicKeys, which all verifiers here read."""
    pathlib.Path(path).write_text("".join(f"{key.name} {key.record}\n" for key in keys))
    return path


def records(path):
    """Reads what `publish` wrote."""
    return dict(line.split(" ", 1) for line in pathlib.Path(path).read_text().splitlines())


def _openssl(*arguments):
    command = ["openssl", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.decode()}")
    return done.stdout
