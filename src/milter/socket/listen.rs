//! Opening the listener, and accepting from it.
//!
//! A listener is made by ourselves from [`SocketSpec`], inherited by number, or handed over by
//! systemd; from then on all are alike.

use std::{
    env,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
    task::{Context, Poll, ready},
};

use nix::sys::socket::{getsockopt, sockopt};
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, UnixListener};

use super::{
    BACKLOG, ListenError, SocketSpec, Stream,
    unix::{self, SocketFile},
};

/// An open listener. A Unix socket file that it made is removed when it is dropped.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    inherited: bool,
    /// Held for its drop alone.
    _file: Option<SocketFile>,
}

#[derive(Debug)]
enum Kind {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Listener {
    /// Opens what Socket says. Must be called within a tokio runtime.
    ///
    /// The mode of a new Unix socket is 0777 less the umask. A socket file that nobody listens on
    /// any more is replaced; everything else at that path is an error.
    pub fn open(spec: &SocketSpec) -> Result<Self, ListenError> {
        match spec {
            SocketSpec::Unix(path) => {
                let (socket, file) = unix::bind(path)?;
                let listener = Self::adopt(socket, &spec.to_string())?;
                Ok(Self {
                    _file: Some(file),
                    ..listener
                })
            }
            SocketSpec::Inet { host, port } => {
                let host = host.as_deref().unwrap_or("0.0.0.0");
                Self::bind_tcp(spec, host, *port, SocketAddr::is_ipv4)
            }
            SocketSpec::Inet6 { host, port } => {
                let host = host.as_deref().unwrap_or("::");
                Self::bind_tcp(spec, host, *port, SocketAddr::is_ipv6)
            }
            SocketSpec::Inherited(fd) => Self::inherit(*fd),
        }
    }

    /// The listeners that systemd's socket activation handed over; none without it.
    ///
    /// When there are some they are used instead of Socket. To be called once a process, within a
    /// tokio runtime: the descriptors belong to the listeners from then on.
    pub fn handed_over() -> Result<Vec<Self>, ListenError> {
        let descriptors = sd_notify::listen_fds().map_err(|error| {
            let count = env::var("LISTEN_FDS").unwrap_or_default();
            ListenError::new(
                format!("the service manager handed over sockets (LISTEN_FDS={count}): {error}"),
                "start dkimd by its socket unit, or unset LISTEN_FDS",
            )
        })?;
        descriptors.map(Self::inherit).collect()
    }

    /// The address listened on, as Socket would name it.
    pub fn local_spec(&self) -> io::Result<SocketSpec> {
        match &self.kind {
            Kind::Unix(listener) => {
                let address = listener.local_addr()?;
                let path = address.as_pathname().unwrap_or("(unnamed)".as_ref());
                Ok(SocketSpec::Unix(path.to_owned()))
            }
            Kind::Tcp(listener) => {
                let address = listener.local_addr()?;
                let (host, port) = (Some(address.ip().to_string()), address.port());
                Ok(match address {
                    SocketAddr::V4(_) => SocketSpec::Inet { host, port },
                    SocketAddr::V6(_) => SocketSpec::Inet6 { host, port },
                })
            }
        }
    }

    /// Whether it was handed over by a process that goes on holding it: then connections wait in the
    /// kernel's queue while this process stops, instead of meeting nobody.
    pub fn is_inherited(&self) -> bool {
        self.inherited
    }

    /// Whether other machines can connect to it, as far as this one knows.
    pub fn reaches_beyond_this_host(&self) -> bool {
        match &self.kind {
            Kind::Unix(_) => false,
            Kind::Tcp(listener) => listener
                .local_addr()
                .is_ok_and(|address| !address.ip().to_canonical().is_loopback()),
        }
    }

    /// Accepts one connection; with it comes the address of a peer that has one.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Stream, Option<IpAddr>)>> {
        match &self.kind {
            Kind::Unix(listener) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok((stream.into(), None)))
            }
            Kind::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                Poll::Ready(Ok((stream.into(), Some(peer.ip().to_canonical()))))
            }
        }
    }

    fn bind_tcp(
        spec: &SocketSpec,
        host: &str,
        port: u16,
        of_family: fn(&SocketAddr) -> bool,
    ) -> Result<Self, ListenError> {
        let address = (host, port)
            .to_socket_addrs()
            .map_err(|error| {
                ListenError::new(
                    format!("cannot find the address of {host} for {spec}: {error}"),
                    "write an IP address of this machine in place of the name",
                )
            })?
            .find(of_family)
            .ok_or_else(|| {
                ListenError::new(
                    format!("{host} has no address of the family that {spec} asks for"),
                    "write inet: for IPv4, inet6: for IPv6",
                )
            })?;
        let bind = || {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            Ok(socket)
        };
        let socket = bind().map_err(|error: io::Error| {
            let remedy = match error.kind() {
                ErrorKind::AddrInUse => {
                    format!("see who listens there with: ss -ltnp sport = :{port}")
                }
                ErrorKind::AddrNotAvailable => {
                    "write an address of this machine: ip -brief address".into()
                }
                ErrorKind::PermissionDenied => "choose a port above 1023".into(),
                _ => "choose another address for Socket".into(),
            };
            let told = ListenError::new(format!("cannot listen on {spec}: {error}"), remedy);
            match error.kind() {
                ErrorKind::AddrInUse => told.by_another(),
                _ => told,
            }
        })?;
        Self::adopt(socket, &spec.to_string())
    }

    fn inherit(fd: RawFd) -> Result<Self, ListenError> {
        let refuse = |what: String| {
            ListenError::new(
                what,
                "let the starting program pass an open listening socket, or give Socket a path",
            )
        };
        // SAFETY: fcntl reads the flags of a descriptor, and takes any number.
        if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
            return Err(refuse(format!("descriptor {fd} is not open")));
        }
        // SAFETY: the descriptor is open, and only asked what it is.
        let stranger = unsafe { BorrowedFd::borrow_raw(fd) };
        match getsockopt(&stranger, sockopt::AcceptConn) {
            Ok(true) => {
                // SAFETY: it is a listening socket that nobody here has opened, since this is the
                // only listener, so by the contract of `fd:` and of LISTEN_FDS it is ours.
                let socket = Socket::from(unsafe { OwnedFd::from_raw_fd(fd) });
                Ok(Self {
                    inherited: true,
                    ..Self::adopt(socket, &format!("fd:{fd}"))?
                })
            }
            Ok(false) => Err(refuse(format!(
                "descriptor {fd} is a socket that does not listen"
            ))),
            Err(error) => Err(refuse(format!("descriptor {fd} is no socket: {error}"))),
        }
    }

    fn adopt(socket: Socket, name: &str) -> Result<Self, ListenError> {
        let refuse = |error: io::Error| {
            ListenError::new(
                format!("cannot listen on {name}: {error}"),
                "use a Unix or TCP stream socket",
            )
        };
        socket.set_nonblocking(true).map_err(refuse)?;
        socket.set_cloexec(true).map_err(refuse)?;
        let domain = socket.local_addr().map_err(refuse)?.domain();
        let kind = if domain == Domain::UNIX {
            Kind::Unix(UnixListener::from_std(socket.into()).map_err(refuse)?)
        } else {
            Kind::Tcp(TcpListener::from_std(socket.into()).map_err(refuse)?)
        };
        Ok(Self {
            kind,
            inherited: false,
            _file: None,
        })
    }
}

impl AsRawFd for Listener {
    fn as_raw_fd(&self) -> RawFd {
        match &self.kind {
            Kind::Unix(listener) => listener.as_raw_fd(),
            Kind::Tcp(listener) => listener.as_raw_fd(),
        }
    }
}
