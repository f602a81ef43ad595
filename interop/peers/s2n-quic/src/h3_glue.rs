//! The traits of the h3 crate for s2n-quic.

use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use h3::error::Code;
use h3::quic::{self, ConnectionErrorIncoming, StreamErrorIncoming, StreamId, WriteBuf};
use s2n_quic::application;
use s2n_quic::connection::{self, BidirectionalStreamAcceptor, Handle, ReceiveStreamAcceptor, StreamAcceptor};
use s2n_quic::stream::{self, BidirectionalStream, ReceiveStream};

type Accepted<T> = Poll<Result<T, ConnectionErrorIncoming>>;
type Streamed<T> = Poll<Result<T, StreamErrorIncoming>>;

pub struct Connection {
    opener: Opener,
    bidirectional: BidirectionalStreamAcceptor,
    unidirectional: ReceiveStreamAcceptor,
}

impl Connection {
    pub fn new(connection: s2n_quic::Connection) -> Self {
        let (handle, acceptor): (Handle, StreamAcceptor) = connection.split();
        let (bidirectional, unidirectional) = acceptor.split();
        Self { opener: Opener { handle }, bidirectional, unidirectional }
    }
}

impl<B: Buf> quic::Connection<B> for Connection {
    type RecvStream = Receiver;
    type OpenStreams = Opener;

    fn poll_accept_recv(&mut self, context: &mut Context<'_>) -> Accepted<Receiver> {
        let stream = ready!(self.unidirectional.poll_accept_receive_stream(context)).map_err(connection_error)?;
        Poll::Ready(stream.map(Receiver).ok_or_else(ended))
    }

    fn poll_accept_bidi(&mut self, context: &mut Context<'_>) -> Accepted<Both<B>> {
        let stream = ready!(self.bidirectional.poll_accept_bidirectional_stream(context)).map_err(connection_error)?;
        Poll::Ready(stream.map(Both::new).ok_or_else(ended))
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

#[derive(Clone)]
pub struct Opener {
    handle: Handle,
}

impl<B: Buf> quic::OpenStreams<B> for Opener {
    type BidiStream = Both<B>;
    type SendStream = Sender<B>;

    fn poll_open_bidi(&mut self, context: &mut Context<'_>) -> Streamed<Both<B>> {
        let stream = ready!(self.handle.poll_open_bidirectional_stream(context)).map_err(lost)?;
        Poll::Ready(Ok(Both::new(stream)))
    }

    fn poll_open_send(&mut self, context: &mut Context<'_>) -> Streamed<Sender<B>> {
        let stream = ready!(self.handle.poll_open_send_stream(context)).map_err(lost)?;
        Poll::Ready(Ok(Sender::new(stream)))
    }

    fn close(&mut self, code: Code, _reason: &[u8]) {
        self.handle.close(application_error(code.value()));
    }
}

pub struct Both<B: Buf> {
    send: Sender<B>,
    receive: Receiver,
}

impl<B: Buf> Both<B> {
    fn new(stream: BidirectionalStream) -> Self {
        let (receive, send) = stream.split();
        Self { send: Sender::new(send), receive: Receiver(receive) }
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

pub struct Receiver(ReceiveStream);

impl quic::RecvStream for Receiver {
    type Buf = Bytes;

    fn poll_data(&mut self, context: &mut Context<'_>) -> Streamed<Option<Bytes>> {
        self.0.poll_receive(context).map_err(stream_error)
    }

    fn stop_sending(&mut self, code: u64) {
        // Fails only for a stream that has ended, which needs no STOP_SENDING.
        let _ = self.0.stop_sending(application_error(code));
    }

    fn recv_id(&self) -> StreamId {
        stream_id(self.0.id())
    }
}

pub struct Sender<B: Buf> {
    stream: stream::SendStream,
    /// Accepted, but not given to the stream yet.
    waiting: Option<WriteBuf<B>>,
}

impl<B: Buf> Sender<B> {
    fn new(stream: stream::SendStream) -> Self {
        Self { stream, waiting: None }
    }
}

impl<B: Buf> quic::SendStream<B> for Sender<B> {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Streamed<()> {
        while let Some(data) = self.waiting.as_mut().filter(|data| data.has_remaining()) {
            ready!(self.stream.poll_send_ready(context)).map_err(stream_error)?;
            let size = data.chunk().len();
            self.stream.send_data(data.copy_to_bytes(size)).map_err(stream_error)?;
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
        Poll::Ready(self.stream.finish().map_err(stream_error))
    }

    fn reset(&mut self, code: u64) {
        // Fails only for a stream that has ended, which needs no RESET_STREAM.
        let _ = self.stream.reset(application_error(code));
    }

    fn send_id(&self) -> StreamId {
        stream_id(self.stream.id())
    }
}

fn stream_id(id: u64) -> StreamId {
    id.try_into().expect("a stream ID has 62 bits")
}

fn application_error(code: u64) -> application::Error {
    application::Error::new(code).expect("an error code has 62 bits")
}

/// A connection that ended without an error has no more streams.
fn ended() -> ConnectionErrorIncoming {
    ConnectionErrorIncoming::ApplicationClose { error_code: Code::H3_NO_ERROR.value() }
}

fn connection_error(error: connection::Error) -> ConnectionErrorIncoming {
    match error {
        connection::Error::Application { error, .. } => {
            ConnectionErrorIncoming::ApplicationClose { error_code: error.into() }
        }
        connection::Error::IdleTimerExpired { .. } => ConnectionErrorIncoming::Timeout,
        error => ConnectionErrorIncoming::Undefined(Arc::new(error)),
    }
}

fn lost(error: connection::Error) -> StreamErrorIncoming {
    StreamErrorIncoming::ConnectionErrorIncoming { connection_error: connection_error(error) }
}

fn stream_error(error: stream::Error) -> StreamErrorIncoming {
    match error {
        stream::Error::StreamReset { error, .. } => StreamErrorIncoming::StreamTerminated { error_code: error.into() },
        stream::Error::ConnectionError { error, .. } => lost(error),
        error => StreamErrorIncoming::Unknown(Box::new(error)),
    }
}
