//! The traits of the h3 crate for noq.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use noq::{ConnectionError, ReadError, RecvStream, SendStream, VarInt, WriteError};

/// The largest part that is read at once.
const PART: usize = 64 << 10;

type Accepted<T> = Poll<Result<T, ConnectionErrorIncoming>>;
type Streamed<T> = Poll<Result<T, StreamErrorIncoming>>;

/// A stream that is being opened or accepted.
type Pending<T> = Pin<Box<dyn Future<Output = Result<T, ConnectionError>> + Send>>;
type Pair = (SendStream, RecvStream);

fn accept_bi(connection: &noq::Connection) -> Pending<Pair> {
    let connection = connection.clone();
    Box::pin(async move { connection.accept_bi().await })
}

fn accept_uni(connection: &noq::Connection) -> Pending<RecvStream> {
    let connection = connection.clone();
    Box::pin(async move { connection.accept_uni().await })
}

pub struct Connection {
    opener: Opener,
    bidirectional: Pending<Pair>,
    unidirectional: Pending<RecvStream>,
}

impl Connection {
    pub fn new(connection: noq::Connection) -> Self {
        Self {
            bidirectional: accept_bi(&connection),
            unidirectional: accept_uni(&connection),
            opener: Opener { connection, bidirectional: None, unidirectional: None },
        }
    }
}

impl<B: Buf> quic::Connection<B> for Connection {
    type RecvStream = Receiver;
    type OpenStreams = Opener;

    fn poll_accept_recv(&mut self, context: &mut Context<'_>) -> Accepted<Receiver> {
        let stream = ready!(self.unidirectional.as_mut().poll(context));
        self.unidirectional = accept_uni(&self.opener.connection);
        Poll::Ready(stream.map(Receiver::new).map_err(connection_error))
    }

    fn poll_accept_bidi(&mut self, context: &mut Context<'_>) -> Accepted<Both<B>> {
        let pair = ready!(self.bidirectional.as_mut().poll(context));
        self.bidirectional = accept_bi(&self.opener.connection);
        Poll::Ready(pair.map(Both::new).map_err(connection_error))
    }

    fn opener(&self) -> Opener {
        self.opener.clone()
    }
}

impl<B: Buf> quic::OpenStreams<B> for Connection {
    type BidiStream = Both<B>;
    type SendStream = Sender<B>;

    fn poll_open_bidi(&mut self, context: &mut Context<'_>) -> Streamed<Both<B>> {
        self.opener.poll_open_bidi(context)
    }

    fn poll_open_send(&mut self, context: &mut Context<'_>) -> Streamed<Sender<B>> {
        self.opener.poll_open_send(context)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        quic::OpenStreams::<B>::close(&mut self.opener, code, reason);
    }
}

pub struct Opener {
    connection: noq::Connection,
    bidirectional: Option<Pending<Pair>>,
    unidirectional: Option<Pending<SendStream>>,
}

impl Clone for Opener {
    fn clone(&self) -> Self {
        Self { connection: self.connection.clone(), bidirectional: None, unidirectional: None }
    }
}

impl<B: Buf> quic::OpenStreams<B> for Opener {
    type BidiStream = Both<B>;
    type SendStream = Sender<B>;

    fn poll_open_bidi(&mut self, context: &mut Context<'_>) -> Streamed<Both<B>> {
        let connection = self.connection.clone();
        let pending =
            self.bidirectional.get_or_insert_with(|| Box::pin(async move { connection.open_bi().await }));
        let pair = ready!(pending.as_mut().poll(context));
        self.bidirectional = None;
        Poll::Ready(pair.map(Both::new).map_err(lost))
    }

    fn poll_open_send(&mut self, context: &mut Context<'_>) -> Streamed<Sender<B>> {
        let connection = self.connection.clone();
        let pending =
            self.unidirectional.get_or_insert_with(|| Box::pin(async move { connection.open_uni().await }));
        let stream = ready!(pending.as_mut().poll(context));
        self.unidirectional = None;
        Poll::Ready(stream.map(Sender::new).map_err(lost))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.connection.close(application_code(code.value()), reason);
    }
}

pub struct Both<B: Buf> {
    send: Sender<B>,
    receive: Receiver,
}

impl<B: Buf> Both<B> {
    fn new((send, receive): Pair) -> Self {
        Self { send: Sender::new(send), receive: Receiver::new(receive) }
    }
}

impl<B: Buf> quic::BidiStream<B> for Both<B> {
    type SendStream = Sender<B>;
    type RecvStream = Receiver;

    fn split(self) -> (Sender<B>, Receiver) {
        (self.send, self.receive)
    }
}

impl<B: Buf> quic::SendStream<B> for Both<B> {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Streamed<()> {
        self.send.poll_ready(context)
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, context: &mut Context<'_>) -> Streamed<()> {
        self.send.poll_finish(context)
    }

    fn reset(&mut self, code: u64) {
        self.send.reset(code);
    }

    fn send_id(&self) -> StreamId {
        self.send.send_id()
    }
}

impl<B: Buf> quic::RecvStream for Both<B> {
    type Buf = Bytes;

    fn poll_data(&mut self, context: &mut Context<'_>) -> Streamed<Option<Bytes>> {
        self.receive.poll_data(context)
    }

    fn stop_sending(&mut self, code: u64) {
        self.receive.stop_sending(code);
    }

    fn recv_id(&self) -> StreamId {
        self.receive.recv_id()
    }
}

pub struct Receiver {
    stream: RecvStream,
    part: Vec<u8>,
}

impl Receiver {
    fn new(stream: RecvStream) -> Self {
        Self { stream, part: vec![0; PART] }
    }
}

impl quic::RecvStream for Receiver {
    type Buf = Bytes;

    fn poll_data(&mut self, context: &mut Context<'_>) -> Streamed<Option<Bytes>> {
        let size = ready!(self.stream.poll_read(context, &mut self.part)).map_err(read_error)?;
        Poll::Ready(Ok((size > 0).then(|| Bytes::copy_from_slice(&self.part[..size]))))
    }

    fn stop_sending(&mut self, code: u64) {
        // Fails only for a stream that has ended, which needs no STOP_SENDING.
        let _ = self.stream.stop(application_code(code));
    }

    fn recv_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

pub struct Sender<B: Buf> {
    stream: SendStream,
    /// Accepted, but not given to the stream yet.
    waiting: Option<WriteBuf<B>>,
}

impl<B: Buf> Sender<B> {
    fn new(stream: SendStream) -> Self {
        Self { stream, waiting: None }
    }
}

impl<B: Buf> quic::SendStream<B> for Sender<B> {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Streamed<()> {
        while let Some(data) = self.waiting.as_mut().filter(|data| data.has_remaining()) {
            let size = ready!(Pin::new(&mut self.stream).poll_write(context, data.chunk())).map_err(write_error)?;
            data.advance(size);
        }
        self.waiting = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamErrorIncoming> {
        if self.waiting.is_some() {
            return Err(StreamErrorIncoming::Unknown("data before the stream was ready".into()));
        }
        self.waiting = Some(data.into());
        Ok(())
    }

    fn poll_finish(&mut self, _context: &mut Context<'_>) -> Streamed<()> {
        Poll::Ready(self.stream.finish().map_err(|error| StreamErrorIncoming::Unknown(Box::new(error))))
    }

    fn reset(&mut self, code: u64) {
        // Fails only for a stream that has ended, which needs no RESET_STREAM.
        let _ = self.stream.reset(application_code(code));
    }

    fn send_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

fn stream_id(id: noq::StreamId) -> StreamId {
    u64::from(VarInt::from(id)).try_into().expect("a stream ID has 62 bits")
}

fn application_code(code: u64) -> VarInt {
    VarInt::from_u64(code).expect("an error code has 62 bits")
}

fn connection_error(error: ConnectionError) -> ConnectionErrorIncoming {
    match error {
        ConnectionError::ApplicationClosed(close) => {
            ConnectionErrorIncoming::ApplicationClose { error_code: close.error_code.into() }
        }
        ConnectionError::TimedOut => ConnectionErrorIncoming::Timeout,
        error => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

fn lost(error: ConnectionError) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: connection_error(error) }
}

fn read_error(error: ReadError) -> StreamErrorIncoming {
    match error {
        ReadError::Reset(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into() },
        ReadError::ConnectionLost(error) => lost(error),
        error => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}

fn write_error(error: WriteError) -> StreamErrorIncoming {
    match error {
        WriteError::Stopped(code) => StreamErrorIncoming::StreamTerminated { error_code: code.into() },
        WriteError::ConnectionLost(error) => lost(error),
        error => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}
