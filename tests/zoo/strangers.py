"""Others' servers in a world: receivers that greet on port 25, and name servers that misbehave."""

import socket
import struct
import threading

SMTP_PORT, DNS_PORT = 25, 53
# From <linux/in.h>: bind before the kernel is done with giving the address.
IP_FREEBIND = 15
TRUNCATED, SERVFAIL, REFUSED = 0x8600, 0x8002, 0x8005


def in_background(work, *arguments):
    """A thread that ends with the world."""
    threading.Thread(target=work, args=arguments, daemon=True).start()


def listening(address, port):
    """A TCP socket at an address of either family, bound in the present namespace."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    server.setsockopt(socket.SOL_IP, IP_FREEBIND, 1)
    server.bind((address, port))
    server.listen(16)
    return server


class Receiver:
    """Somebody's mail server: the messages it took, octet for octet. With a refusal it says that to all mail."""

    def __init__(self, name, addresses, refusal=None, greeting=None, port=SMTP_PORT):
        self.name, self.refusal, self.greeting = name, refusal, greeting or f"220 {name} ESMTP ready"
        self.messages = []
        self.arrived = threading.Condition()
        for address in addresses:
            in_background(self._serve, listening(address, port))

    def _serve(self, server):
        while True:
            in_background(self._talk, server.accept()[0])

    def _talk(self, connection):
        with connection, connection.makefile("rb") as lines:
            def say(text):
                connection.sendall(text.encode() + b"\r\n")
            try:
                say(self.greeting)
                for line in lines:
                    verb = line[:4].upper().rstrip()
                    if verb == b"EHLO":
                        say(f"250-{self.name}\r\n250-8BITMIME\r\n250 SIZE 0")
                    elif verb == b"DATA":
                        say("354 go on")
                        self._store(lines)
                        say(self.refusal or "250 2.0.0 Ok")
                    elif verb == b"QUIT":
                        say("221 2.0.0 Bye")
                        return
                    else:
                        say("250 2.0.0 Ok")
            except OSError:
                pass

    def _store(self, lines):
        message = []
        for line in lines:
            if line == b".\r\n":
                break
            message.append(line[1:] if line.startswith(b".") else line)
        with self.arrived:
            self.messages.append(b"".join(message))
            self.arrived.notify_all()

    def wait_for(self, count, seconds):
        """Waits for so many messages; returns what came."""
        with self.arrived:
            self.arrived.wait_for(lambda: len(self.messages) >= count, seconds)
            return list(self.messages)


class BadNameServer:
    """Listens where a name server should be and gives every query the same useless answer, or none.

    `flags` are those of the reply's header; None is silence. Nothing listens on TCP.
    """

    def __init__(self, address, flags=None):
        self.flags = flags
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, DNS_PORT))
        in_background(self._serve)

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            if self.flags is not None and len(query) > 12:
                end = query.index(b"\0", 12) + 5
                self.socket.sendto(query[:2] + struct.pack("!HHHHH", self.flags, 1, 0, 0, 0) + query[12:end], client)


class OtherMilter:
    """A milter that looks at nothing: it agrees to whatever it is offered and wants no message."""

    CONTINUE = struct.pack("!Ic", 1, b"c")

    def __init__(self, door):
        in_background(self._serve, door)

    def _serve(self, door):
        while True:
            in_background(self._talk, door.accept()[0])

    def _talk(self, connection):
        with connection, connection.makefile("rb") as stream:
            while head := stream.read(5):
                length, command = struct.unpack("!Ic", head)
                stream.read(length - 1)
                if command == b"O":
                    connection.sendall(struct.pack("!IcIII", 13, b"O", 6, 0, 0))
                elif command == b"Q":
                    return
                elif command not in b"DA":
                    connection.sendall(self.CONTINUE)
