//! One accepted connection, Unix or TCP, with what TCP needs to answer without delay.
//!
//! Over TCP two waits of 40 ms lie in ambush: Nagle's algorithm holds back our second small write
//! until the first is acknowledged, and our own delayed acknowledgement holds back the MTA's.
//! TCP_NODELAY ends the first; TCP_QUICKACK, which the kernel switches off again by itself, ends
//! the second when it is set anew at each read.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

/// One connection of the MTA.
#[derive(Debug)]
pub enum Stream {
    /// Over a Unix socket.
    Unix(UnixStream),
    /// Over TCP, of either family.
    Tcp(TcpStream),
}

impl From<UnixStream> for Stream {
    fn from(stream: UnixStream) -> Self {
        Self::Unix(stream)
    }
}

impl From<TcpStream> for Stream {
    fn from(stream: TcpStream) -> Self {
        // A connection without these options works, only slower.
        let _ = stream.set_nodelay(true);
        let _ = stream.set_quickack(true);
        Self::Tcp(stream)
    }
}

impl Stream {
    /// Reads what has arrived; 0 at the end of the stream.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        match self {
            Self::Unix(stream) => ready!(Pin::new(stream).poll_read(cx, &mut buffer))?,
            Self::Tcp(stream) => {
                ready!(Pin::new(&mut *stream).poll_read(cx, &mut buffer))?;
                let _ = stream.set_quickack(true);
            }
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Writes all octets, in one write when the kernel takes them.
    pub async fn write_all(&mut self, mut octets: &[u8]) -> io::Result<()> {
        while !octets.is_empty() {
            let written = poll_fn(|cx| match self {
                Self::Unix(stream) => Pin::new(stream).poll_write(cx, octets),
                Self::Tcp(stream) => Pin::new(stream).poll_write(cx, octets),
            })
            .await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            octets = &octets[written..];
        }
        Ok(())
    }
}
