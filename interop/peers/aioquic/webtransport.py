"""WebTransport (draft 02) on aioquic: both ends do what interop/webtransport/exercise.ts describes.

aioquic carries streams and datagrams. The request, capsules, and codes of an application are made here.
"""

import asyncio
import json
import sys

from aioquic.asyncio import QuicConnectionProtocol, connect, serve
from aioquic.buffer import Buffer, BufferReadError, encode_uint_var
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, DataReceived, HeadersReceived, WebTransportStreamDataReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import (
    ConnectionTerminated,
    ProtocolNegotiated,
    StopSendingReceived,
    StreamDataReceived,
    StreamReset,
)

RESET, STOP = 42, 43
CONTENT = bytes((i * 31 + (i >> 8)) & 0xFF for i in range(100_000))
DATAGRAM = CONTENT[:1000]
FAREWELL = (7, "grüße")
CLOSE_CAPSULE = 0x2843
FIRST_CODE = 0x52E4A40FA8DB
MAX_DATAGRAM_FRAME = 65536


def to_http(code):
    return FIRST_CODE + code + code // 30


def from_http(code):
    shifted = code - FIRST_CODE
    return shifted - shifted // 31


def parse_capsules(data):
    """The capsules in data, and what is left of it."""
    capsules = []
    buffer = Buffer(data=data)
    at = 0
    try:
        while True:
            kind, length = buffer.pull_uint_var(), buffer.pull_uint_var()
            capsules.append((kind, buffer.pull_bytes(length)))
            at = buffer.tell()
    except BufferReadError:
        return capsules, data[at:]


class Stream:
    def __init__(self):
        self.received = bytearray()
        self.has_ended = False
        self.reset = None
        self.stopped = None


class Session:
    """The end of a session, for the one of a connection."""

    def __init__(self, protocol, session_id, closes, subprotocol):
        self.protocol = protocol
        self.id = session_id
        self.closes = closes
        self.subprotocol = subprotocol
        self.streams = {}
        self.accepted = {"bidi": asyncio.Queue(), "uni": asyncio.Queue()}
        self.datagrams = asyncio.Queue()
        self.changed = asyncio.Event()
        self.done = asyncio.Event()
        self.end = asyncio.get_running_loop().create_future()
        self.capsules = b""
        self.opened = set()

    # ---- Events

    def stream(self, stream_id):
        if stream_id not in self.streams:
            self.streams[stream_id] = Stream()
            is_ours = stream_id % 2 == (0 if self.protocol.is_client else 1)
            if not is_ours:
                self.accepted["uni" if stream_id & 2 else "bidi"].put_nowait(stream_id)
        return self.streams[stream_id]

    def handle_http(self, event):
        if isinstance(event, WebTransportStreamDataReceived):
            stream = self.stream(event.stream_id)
            stream.received += event.data
            stream.has_ended = stream.has_ended or event.stream_ended
        elif isinstance(event, DatagramReceived):
            self.datagrams.put_nowait(event.data)
        elif isinstance(event, DataReceived):
            capsules, self.capsules = parse_capsules(self.capsules + event.data)
            for kind, value in capsules:
                if kind == CLOSE_CAPSULE and not self.end.done():
                    self.end.set_result((int.from_bytes(value[:4], "big"), value[4:].decode()))
            if event.stream_ended and not self.end.done():
                self.end.set_result((0, ""))
        self.changed.set()

    def handle_quic(self, event):
        if isinstance(event, StreamDataReceived) and event.stream_id in self.opened:
            stream = self.streams[event.stream_id]
            stream.received += event.data
            stream.has_ended = stream.has_ended or event.end_stream
        elif isinstance(event, StreamReset) and event.stream_id in self.streams:
            self.streams[event.stream_id].reset = from_http(event.error_code)
        elif isinstance(event, StopSendingReceived) and event.stream_id in self.streams:
            self.streams[event.stream_id].stopped = from_http(event.error_code)
        elif isinstance(event, ConnectionTerminated) and not self.end.done():
            self.end.set_exception(ConnectionError(f"closed with {event.error_code:#x}: {event.reason_phrase}"))
        self.changed.set()

    async def until(self, condition):
        while not condition():
            if self.end.done():
                raise ConnectionError(f"the session ended with {self.end.result()}")
            self.changed.clear()
            waiting = asyncio.ensure_future(self.changed.wait())
            await asyncio.wait([waiting, self.end], return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()

    # ---- What the application does

    def open(self, is_unidirectional=False):
        stream_id = self.protocol.http.create_webtransport_stream(self.id, is_unidirectional)
        self.streams[stream_id] = Stream()
        self.opened.add(stream_id)
        return stream_id

    def write(self, stream_id, data, fin=False):
        self.protocol._quic.send_stream_data(stream_id, data, fin)
        self.protocol.transmit()

    async def read_all(self, stream_id):
        stream = self.streams[stream_id]
        await self.until(lambda: stream.has_ended or stream.reset is not None)
        if stream.reset is not None:
            raise ConnectionError(f"stream {stream_id} was reset with {stream.reset}")
        return bytes(stream.received)

    def close(self, code, reason):
        value = code.to_bytes(4, "big") + reason.encode()
        capsule = encode_uint_var(CLOSE_CAPSULE) + encode_uint_var(len(value)) + value
        self.protocol.http.send_data(self.id, capsule, end_stream=True)
        self.protocol.transmit()

    async def open_echo(self):
        stream_id = self.open()
        self.write(stream_id, b"E" + CONTENT, fin=True)
        compare("the echo", await self.read_all(stream_id))

    async def open_uni(self, data):
        self.write(self.open(is_unidirectional=True), data, fin=True)

    async def open_answered(self, name):
        stream_id = self.open()
        self.write(stream_id, name)
        stream = self.streams[stream_id]
        await self.until(lambda: len(stream.received) > 0)
        if bytes(stream.received) != name:
            raise ValueError(f"a wrong answer on {name}")
        if name == b"R":
            self.protocol._quic.reset_stream(stream_id, to_http(RESET))
        else:
            self.protocol._quic.stop_stream(stream_id, to_http(STOP))
            self.protocol._quic.send_stream_data(stream_id, b"", True)
        self.protocol.transmit()

    async def answer(self):
        stream_id = await self.accepted["bidi"].get()
        stream = self.streams[stream_id]
        await self.until(lambda: len(stream.received) > 0)
        name = bytes(stream.received[:1])
        if name == b"E":
            self.write(stream_id, (await self.read_all(stream_id))[1:], fin=True)
        elif name == b"R":
            self.write(stream_id, name)
            await self.until(lambda: stream.reset is not None or stream.has_ended)
            expect_code("a stream to be reset", RESET, stream.reset)
            self.write(stream_id, b"", fin=True)
        elif name == b"S":
            self.write(stream_id, name)
            await self.until(lambda: stream.stopped is not None)
            expect_code("a stream to be stopped", STOP, stream.stopped)
        else:
            raise ValueError(f"a stream with the name {name}")

    async def accept_uni(self):
        stream_id = await self.accepted["uni"].get()
        data = await self.read_all(stream_id)
        if data[:1] == b"U":
            compare("a one-way stream", data[1:])
        elif data == b"D":
            self.done.set()
        else:
            raise ValueError(f"a stream with the name {data[:1]}")

    async def repeat_datagram(self):
        while True:
            self.protocol.http.send_datagram(self.id, DATAGRAM)
            self.protocol.transmit()
            await asyncio.sleep(0.2)

    async def receive_datagram(self):
        if await self.datagrams.get() != DATAGRAM:
            raise ValueError("a datagram differs")

    async def exercise(self):
        repeating = asyncio.ensure_future(self.repeat_datagram())
        tasks = [self.open_echo(), self.open_uni(b"U" + CONTENT), self.open_answered(b"R"), self.open_answered(b"S")]
        tasks += [self.answer() for _ in range(3)] + [self.accept_uni() for _ in range(2 if self.closes else 1)]
        try:
            await asyncio.gather(self.receive_datagram(), *tasks)
            if self.closes:
                await self.done.wait()
                self.close(*FAREWELL)
                code, reason = FAREWELL
            else:
                await self.open_uni(b"D")
                code, reason = await self.end
        except Exception as error:
            self.close(1, str(error))
            raise
        finally:
            repeating.cancel()
        return {"protocol": self.subprotocol, "closeCode": code, "reason": reason}


def compare(what, got):
    if got != CONTENT:
        raise ValueError(f"{what} of {len(got)} bytes differs")


def expect_code(what, expected, code):
    if code != expected:
        raise ValueError(f"{what} ended with {code}")


class Protocol(QuicConnectionProtocol):
    is_client = False

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = None
        self.session = None
        self.refused = None

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic, enable_webtransport=True)
        if self.http is None:
            return
        # aioquic takes what arrives on a stream that it opened itself for frames of a request.
        is_own = self.session is not None and getattr(event, "stream_id", None) in self.session.opened
        for each in [] if is_own else self.http.handle_event(event):
            if isinstance(each, HeadersReceived):
                self.handle_headers(each.stream_id, dict(each.headers))
            elif self.session is not None:
                self.session.handle_http(each)
        if self.session is not None:
            self.session.handle_quic(event)


class ServerProtocol(Protocol):
    def handle_headers(self, stream_id, headers):
        if headers.get(b":protocol") != b"webtransport":
            self.http.send_headers(stream_id, [(b":status", b"404")], end_stream=True)
            return
        answer = [(b":status", b"200"), (b"sec-webtransport-http3-draft", b"draft02")]
        offered = headers.get(b"wt-available-protocols", b"")
        subprotocol = "interop" if b'"interop"' in offered else ""
        if subprotocol != "":
            answer.append((b"wt-protocol", b'"interop"'))
        self.http.send_headers(stream_id, answer)
        self.session = Session(self, stream_id, headers[b":path"] == b"/server-closes", subprotocol)
        self.running = asyncio.ensure_future(self.run())

    async def run(self):
        try:
            print(json.dumps(await self.session.exercise()), flush=True)
        except Exception as error:
            print(error, file=sys.stderr, flush=True)


class ClientProtocol(Protocol):
    is_client = True

    def open(self, authority, path):
        stream_id = self._quic.get_next_available_stream_id()
        self.answered = asyncio.get_running_loop().create_future()
        self.session = Session(self, stream_id, path == "client-closes", "")
        self.http.send_headers(
            stream_id,
            [
                (b":method", b"CONNECT"),
                (b":scheme", b"https"),
                (b":authority", authority.encode()),
                (b":path", f"/{path}".encode()),
                (b":protocol", b"webtransport"),
                (b"sec-webtransport-http3-draft02", b"1"),
                (b"wt-available-protocols", b'"other", "interop"'),
            ],
        )
        self.transmit()
        return self.answered

    def handle_headers(self, stream_id, headers):
        if headers[b":status"] != b"200":
            self.answered.set_exception(ConnectionError(f"status {headers[b':status'].decode()}"))
            return
        self.session.subprotocol = headers.get(b"wt-protocol", b"").decode().strip('"')
        self.answered.set_result(None)


def configuration(is_client):
    return QuicConfiguration(alpn_protocols=H3_ALPN, is_client=is_client, max_datagram_frame_size=MAX_DATAGRAM_FRAME)


async def run_server(options):
    config = configuration(is_client=False)
    config.load_cert_chain(options.cert, options.key)
    host, port = options.address.rsplit(":", 1)
    await serve(host.strip("[]"), int(port), configuration=config, create_protocol=ServerProtocol)
    await asyncio.Event().wait()


async def run_client(options):
    config = configuration(is_client=True)
    config.server_name = options.name
    config.load_verify_locations(options.ca)
    host, port = options.address.rsplit(":", 1)
    async with connect(host.strip("[]"), int(port), configuration=config, create_protocol=ClientProtocol) as client:
        await client.open(f"{options.name}:{port}", options.webtransport)
        print(json.dumps(await client.session.exercise()), flush=True)
