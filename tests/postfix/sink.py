"""An SMTP server that stores every message octet for octet under the local part of its recipient."""

import pathlib
import socketserver
import threading


class Handler(socketserver.StreamRequestHandler):
    """One SMTP session."""

    rbufsize = 1 << 20

    def handle(self):
        """Speaks just enough ESMTP for Postfix: 8BITMIME and SMTPUTF8 keep it from rewriting bodies."""
        self.say("220 sink.example.net ESMTP")
        recipient = None
        for line in iter(self.rfile.readline, b""):
            verb = line[:4].upper().rstrip()
            if verb == b"EHLO":
                self.say("250-sink.example.net\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 0")
            elif verb == b"RCPT":
                recipient = line.split(b"<")[1].split(b"@")[0].decode()
                self.say("250 2.1.5 Ok")
            elif verb == b"DATA":
                self.say("354 go on")
                self.server.store(recipient, self.data())
                self.say("250 2.0.0 Ok")
            elif verb == b"QUIT":
                self.say("221 2.0.0 Bye")
                return
            else:
                self.say("250 2.0.0 Ok")

    def data(self):
        """The message without SMTP's dots."""
        lines = []
        for line in iter(self.rfile.readline, b""):
            if line == b".\r\n":
                break
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def say(self, text):
        """One reply."""
        self.wfile.write(text.encode() + b"\r\n")


class Sink(socketserver.ThreadingTCPServer):
    """Listens on a free port of the loopback until closed."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, directory):
        super().__init__(("127.0.0.1", 0), Handler)
        self.directory = pathlib.Path(directory)
        self.received = threading.Condition()
        self.names = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def port(self):
        """Where Postfix has to deliver."""
        return self.server_address[1]

    def store(self, name, data):
        """Keeps one message and tells those who wait."""
        (self.directory / f"{name}.eml").write_bytes(data)
        with self.received:
            self.names.append(name)
            self.received.notify_all()

    def wait_for(self, names, seconds):
        """Waits until all have come; returns those that have not."""
        with self.received:
            self.received.wait_for(lambda: set(names) <= set(self.names), seconds)
            return sorted(set(names) - set(self.names))
