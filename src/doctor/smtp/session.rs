//! One talk with an SMTP server.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use super::{SmtpError, reply::Reply};

/// How long the other side may take for the connection, and for each reply.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Until there is a connection.
    pub connect: Duration,
    /// Until a reply is complete.
    pub reply: Duration,
}

/// A connection to a server.
#[derive(Debug)]
pub struct Session<S> {
    stream: BufReader<S>,
    patience: Patience,
}

/// Connects, from a certain address if one is given.
///
/// # Errors
/// If there is no connection in time.
pub async fn connect(
    to: SocketAddr,
    from: Option<IpAddr>,
    patience: Patience,
) -> Result<TcpStream, SmtpError> {
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    }?;
    if let Some(from) = from.filter(|from| from.is_ipv4() == to.is_ipv4()) {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let connected = timeout(patience.connect, socket.connect(to)).await;
    Ok(connected.map_err(|_| SmtpError::NoConnection)??)
}

/// Calls a server and hears what it offers.
///
/// # Errors
/// If nobody answers, or not in SMTP, or with a refusal.
pub async fn greet(
    to: SocketAddr,
    helo: &str,
    patience: Patience,
) -> Result<(Session<TcpStream>, Reply), SmtpError> {
    let mut session = Session::over(connect(to, None, patience).await?, patience);
    let greeting = session.reply().await?;
    if !greeting.is_positive() {
        return Err(SmtpError::Refused(greeting));
    }
    let ehlo = session.agree(&format!("EHLO {helo}")).await?;
    Ok((session, ehlo))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<S> {
    /// A talk that is about to begin.
    pub fn over(stream: S, patience: Patience) -> Self {
        Self {
            stream: BufReader::new(stream),
            patience,
        }
    }

    /// Waits for the next reply; the first is the greeting.
    ///
    /// # Errors
    /// As [`Reply::read`], or if it takes too long.
    pub async fn reply(&mut self) -> Result<Reply, SmtpError> {
        timeout(self.patience.reply, Reply::read(&mut self.stream))
            .await
            .unwrap_or(Err(SmtpError::Silent))
    }

    /// Says a line and waits for the reply.
    ///
    /// # Errors
    /// If the connection breaks, or as [`Session::reply`].
    pub async fn say(&mut self, line: &str) -> Result<Reply, SmtpError> {
        let line = format!("{line}\r\n");
        let sent = timeout(
            self.patience.reply,
            self.stream.get_mut().write_all(line.as_bytes()),
        );
        sent.await.map_err(|_| SmtpError::Silent)??;
        self.reply().await
    }

    /// As [`Session::say`], where only a positive reply is of use.
    ///
    /// # Errors
    /// The reply, if it is negative.
    pub async fn agree(&mut self, line: &str) -> Result<Reply, SmtpError> {
        let reply = self.say(line).await?;
        match reply.is_positive() {
            true => Ok(reply),
            false => Err(SmtpError::Refused(reply)),
        }
    }

    /// Takes leave; the answer does not matter.
    pub async fn quit(mut self) {
        let _ = self.say("QUIT").await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::AsyncReadExt,
        net::TcpListener,
        time::{Instant, sleep},
    };

    use super::*;

    const PATIENCE: Patience = Patience {
        connect: Duration::from_millis(500),
        reply: Duration::from_millis(300),
    };

    /// A server that sends `octets` and then keeps silent, or `endless`ly goes on.
    async fn hostile(octets: &'static [u8], endless: bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                tokio::spawn(async move {
                    while client.write_all(octets).await.is_ok() && endless {}
                    let _ = client.read(&mut [0; 64]).await;
                    sleep(Duration::from_secs(60)).await;
                });
            }
        });
        address
    }

    async fn greeting(address: SocketAddr) -> Result<Reply, SmtpError> {
        let stream = connect(address, None, PATIENCE).await?;
        Session::over(stream, PATIENCE).reply().await
    }

    #[tokio::test]
    async fn a_silent_server_is_left_in_time() {
        let begun = Instant::now();
        let silent = greeting(hostile(b"", false).await).await;
        assert!(matches!(silent, Err(SmtpError::Silent)), "{silent:?}");
        let halfway = greeting(hostile(b"220-we are\r\n220", false).await).await;
        assert!(matches!(halfway, Err(SmtpError::Silent)), "{halfway:?}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn an_endless_talker_is_cut_off() {
        for octets in [&b"2"[..], b"220-more\r\n"] {
            let cut = greeting(hostile(octets, true).await).await;
            assert!(matches!(cut, Err(SmtpError::TooLong)), "{cut:?}");
        }
    }

    #[tokio::test]
    async fn a_refusal_is_told_with_its_words() {
        let address = hostile(b"220 mx.example.org\r\n554 5.7.1 go away\r\n", false).await;
        let stream = connect(address, None, PATIENCE).await.unwrap();
        let mut session = Session::over(stream, PATIENCE);
        assert_eq!(session.reply().await.unwrap().host(), "mx.example.org");
        let refused = session.agree("EHLO localhost").await.unwrap_err();
        assert_eq!(refused.to_string(), "554 5.7.1 go away");
    }

    #[tokio::test]
    async fn nobody_at_home_is_an_error_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let refused = connect(address, None, PATIENCE).await.unwrap_err();
        assert!(matches!(refused, SmtpError::Io(_)), "{refused:?}");
    }
}
