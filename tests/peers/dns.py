"""A name server on loopback that knows some TXT records and says of all else that it does not exist."""

import socket
import struct
import threading

HEADER = struct.Struct("!HHHHHH")
TXT, IN = 16, 1
TTL_SECONDS = 300
ANSWER, NO_SUCH_NAME = 0x8580, 0x8583
STRING_OCTETS = 255


class NameServer:
    """Answers over UDP; `address` is in the form of the Nameservers option."""

    def __init__(self, records):
        self.records = {name.lower().encode(): text.encode() for name, text in records.items()}
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1@{}".format(self.socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, client = self.socket.recvfrom(4096)
            self.socket.sendto(self._answer(query), client)

    def _answer(self, query):
        labels, at = [], HEADER.size
        while length := query[at]:
            labels.append(query[at + 1:at + 1 + length])
            at += 1 + length
        question = query[HEADER.size:at + 5]
        number = HEADER.unpack_from(query)[0]
        text = self.records.get(b".".join(labels).lower())
        if text is None:
            return HEADER.pack(number, NO_SUCH_NAME, 1, 0, 0, 0) + question
        if struct.unpack_from("!H", query, at + 1)[0] != TXT:
            return HEADER.pack(number, ANSWER, 1, 0, 0, 0) + question
        pieces = [text[i:i + STRING_OCTETS] for i in range(0, len(text), STRING_OCTETS)]
        data = b"".join(bytes([len(piece)]) + piece for piece in pieces)
        record = b"\xc0\x0c" + struct.pack("!HHIH", TXT, IN, TTL_SECONDS, len(data)) + data
        return HEADER.pack(number, ANSWER, 1, 1, 0, 0) + question + record
