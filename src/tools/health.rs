//! `dkimd health SOCKET`: asks a milter whether it serves, as a container engine does again and again.

use std::{io, time::Duration};

use clap::Args;
use tokio::{runtime, time::timeout};

use dkimd_milter::{client, socket::SocketSpec};
use dkimd_server::process::{ExitCode, Failure};

/// A busy server answers in milliseconds; below the ten seconds that the image's health check waits.
const PATIENCE: Duration = Duration::from_secs(5);

/// Arguments of `dkimd health`.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "The milter is greeted as an MTA does and left again: no mail is handed over. MilterPeers must \
    list the address that this comes from.\n\n\
    Exit codes: 0 it serves, 64 no such socket can be, 69 it does not answer."
)]
pub struct HealthArgs {
    /// Where it listens, in the words of the Socket option
    #[arg(value_name = "SOCKET")]
    pub socket: String,
}

/// Runs the command.
pub fn run(args: &HealthArgs) -> ExitCode {
    match health(&args.socket) {
        Ok(()) => ExitCode::Ok,
        Err(failure) => {
            failure.tell("dkimd");
            failure.code
        }
    }
}

fn health(socket: &str) -> Result<(), Failure> {
    let place = SocketSpec::parse(socket)
        .map_err(|error| Failure::new(ExitCode::Usage, error.to_string()))?;
    if matches!(place, SocketSpec::Inherited(_)) {
        let what =
            format!("{place}: a descriptor has no address; name the socket that it listens on");
        return Err(Failure::new(ExitCode::Usage, what));
    }
    let unavailable =
        |what: String| Failure::new(ExitCode::Unavailable, format!("{place}: {what}"));
    let greeting = async {
        let stream = client::connect(&place).await.map_err(|error| {
            let fix = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    "start the milter, or compare its Socket option"
                }
                io::ErrorKind::PermissionDenied => {
                    "run it as root, or as a user in the socket's group"
                }
                _ => "compare the milter's Socket option, and see whether the host name resolves",
            };
            format!("{error}; {fix}")
        })?;
        client::greet(stream)
            .await
            .map_err(|error| format!("{error}; look at the milter's log, and at MilterPeers"))
    };
    runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(ExitCode::OsError, error.to_string()))?
        .block_on(async { timeout(PATIENCE, greeting).await })
        .map_err(|_| unavailable("no answer within 5 seconds; look at the milter's log".into()))?
        .map_err(unavailable)
}
