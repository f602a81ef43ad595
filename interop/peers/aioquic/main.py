"""A file server and a client on aioquic, with its defaults unless an option says otherwise."""

import argparse
import asyncio
import json
import os
import socket
from pathlib import Path

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.h0.connection import H0_ALPN, H0Connection
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, StreamReset
from aioquic.quic.packet import QuicProtocolVersion
from aioquic.tls import CipherSuite

import webtransport

VERSIONS = {"v1": QuicProtocolVersion.VERSION_1, "v2": QuicProtocolVersion.VERSION_2}


def configuration(options, is_client):
    alpn = H0_ALPN if options.protocol == "hq-interop" else H3_ALPN
    result = QuicConfiguration(alpn_protocols=alpn, is_client=is_client, idle_timeout=float(options.idle))
    if options.cipher == "chacha20":
        result.cipher_suites = [CipherSuite.CHACHA20_POLY1305_SHA256]
    return result


def http(quic):
    """HTTP/0.9 has no fields: its heads have only what requests need."""
    return H0Connection(quic) if quic.configuration.alpn_protocols == H0_ALPN else H3Connection(quic)


class Server(QuicConnectionProtocol):
    root: Path

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = http(self._quic)
        elif isinstance(event, ConnectionTerminated):
            return
        for each in self.http.handle_event(event):
            if isinstance(each, HeadersReceived):
                self.answer(each.stream_id, dict(each.headers)[b":path"].decode())

    def answer(self, stream_id, path):
        file = (self.root / path.lstrip("/")).resolve()
        if not file.is_relative_to(self.root) or not file.is_file():
            self.http.send_headers(stream_id, [(b":status", b"404")], end_stream=True)
            return
        length = str(file.stat().st_size).encode()
        self.http.send_headers(stream_id, [(b":status", b"200"), (b"content-length", length)])
        self.http.send_data(stream_id, file.read_bytes(), end_stream=True)


async def run_server(options):
    config = configuration(options, is_client=False)
    config.load_cert_chain(options.cert, options.key)
    if options.quic == "v2,v1":
        config.supported_versions = [VERSIONS["v2"], VERSIONS["v1"]]
    Server.root = Path(options.root).resolve()
    host, port = options.address.rsplit(":", 1)
    tickets = {}
    await serve(
        host.strip("[]"),
        int(port),
        configuration=config,
        create_protocol=Server,
        retry=options.retry == "true",
        session_ticket_fetcher=lambda name: tickets.pop(name, None),
        session_ticket_handler=lambda ticket: tickets.setdefault(ticket.ticket, ticket),
    )
    await asyncio.Event().wait()


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = http(self._quic)
        self.fetches = {}
        self.has_begun = asyncio.Event()

    def begin(self, name, path, output):
        """Queues a request; returns what is done when the file is complete."""
        stream_id = self._quic.get_next_available_stream_id()
        names = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", name.encode()), (b":path", path.encode())]
        self.http.send_headers(stream_id, names, end_stream=True)
        done = self._loop.create_future()
        self.fetches[stream_id] = (open(Path(output) / os.path.basename(path), "wb"), done)
        return done

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            for _, done in self.fetches.values():
                if not done.done():
                    done.set_exception(ConnectionError(f"closed with {event.error_code}: {event.reason_phrase}"))
        elif isinstance(event, StreamReset):
            self.fetches[event.stream_id][1].set_exception(ConnectionError("the stream was reset"))
        for each in self.http.handle_event(event):
            if isinstance(each, HeadersReceived):
                status = dict(each.headers).get(b":status", b"200")
                if status != b"200":
                    self.fetches[each.stream_id][1].set_exception(ValueError(f"status {status.decode()}"))
            if isinstance(each, DataReceived):
                self.has_begun.set()
                self.fetches[each.stream_id][0].write(each.data)
            if isinstance(each, (HeadersReceived, DataReceived)) and each.stream_ended:
                file, done = self.fetches[each.stream_id]
                file.close()
                if not done.done():
                    done.set_result(None)

    async def move(self):
        """Continues on another port, with another connection ID of the server."""
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(("::", 0))
        await self._loop.create_datagram_endpoint(lambda: self, sock=sock)
        self.change_connection_id()


async def visit(options, config, is_early, keep):
    host, port = options.address.rsplit(":", 1)
    async with connect(
        host.strip("[]"),
        int(port),
        configuration=config,
        create_protocol=Client,
        session_ticket_handler=keep,
        wait_connected=not is_early,
    ) as client:
        done = asyncio.gather(*[client.begin(options.name, path, options.output) for path in options.paths])
        client.transmit()
        if options.key_update == "true" or options.moves == "true":
            await client.has_begun.wait()
        if options.key_update == "true":
            client.request_key_update()
        if options.moves == "true":
            await client.move()
        await done
        tls = client._quic.tls
        version = [name for name, value in VERSIONS.items() if value == client._quic._version][0]
        return {
            "protocol": tls.alpn_negotiated,
            "resumed": tls.session_resumed,
            "used0RTT": tls.early_data_accepted,
            "version": version.lstrip("v"),
        }


async def run_client(options):
    tickets = []
    for count in range(1 if options.resume is None else 2):
        config = configuration(options, is_client=True)
        config.server_name = options.name
        config.load_verify_locations(options.ca)
        config.session_ticket = tickets[-1] if count == 1 else None
        if options.quic is not None:
            names = options.quic.split(",")
            config.original_version = VERSIONS[names[0]]
            config.supported_versions = [VERSIONS[name] for name in reversed(names)]
        report = await visit(options, config, options.resume == "early" and count == 1, tickets.append)
    print(json.dumps(report))


def main():
    parser = argparse.ArgumentParser()
    for name in ["role", "address", "cert", "key", "root", "retry", "ca", "name", "output", "cipher", "quic", "idle", "protocol"]:
        parser.add_argument(f"--{name}")
    for name in ["resume", "key-update", "moves", "webtransport"]:
        parser.add_argument(f"--{name}")
    parser.add_argument("paths", nargs="*")
    options = parser.parse_args()
    if options.webtransport is not None:
        asyncio.run(webtransport.run_server(options) if options.role == "server" else webtransport.run_client(options))
        return
    asyncio.run(run_server(options) if options.role == "server" else run_client(options))


main()
