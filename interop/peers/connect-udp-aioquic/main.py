"""A CONNECT-UDP client (RFC 9298) on aioquic's HTTP Datagrams: sends one UDP payload, and prints the answer.

    main.py HOST:PORT PATH HEX
"""

import asyncio
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        # Announces HTTP Datagrams along with WebTransport; there is no other switch.
        self.http = H3Connection(self._quic, enable_webtransport=True)
        loop = asyncio.get_running_loop()
        self.head = loop.create_future()
        self.answer = loop.create_future()

    def quic_event_received(self, event):
        for each in self.http.handle_event(event):
            if isinstance(each, HeadersReceived) and not self.head.done():
                self.head.set_result(dict(each.headers))
            elif isinstance(each, DatagramReceived) and not self.answer.done():
                self.answer.set_result(each.data)


async def run(address, path, payload):
    host, port = address.rsplit(":", 1)
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=H3_ALPN, max_datagram_frame_size=65536, verify_mode=ssl.CERT_NONE
    )
    async with connect(host, int(port), configuration=configuration, create_protocol=Client) as client:
        stream = client._quic.get_next_available_stream_id()
        client.http.send_headers(
            stream,
            [
                (b":method", b"CONNECT"),
                (b":scheme", b"https"),
                (b":authority", address.encode()),
                (b":path", path.encode()),
                (b":protocol", b"connect-udp"),
                (b"capsule-protocol", b"?1"),
            ],
        )
        client.transmit()
        head = await asyncio.wait_for(client.head, 10)
        if head[b":status"] != b"200" or head.get(b"capsule-protocol") != b"?1":
            raise SystemExit(f"the response is {head}")
        client.http.send_datagram(stream, b"\0" + bytes.fromhex(payload))
        client.transmit()
        answer = await asyncio.wait_for(client.answer, 10)
        if answer[:1] != b"\0":
            raise SystemExit(f"the answer has another context: {answer.hex()}")
        print(answer[1:].hex())


asyncio.run(run(*sys.argv[1:]))
