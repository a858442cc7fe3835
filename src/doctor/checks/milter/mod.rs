//! How Postfix and the server are wired: who hands mail to whom, and whether the socket is reached
//! as Postfix's own processes reach it.
//!
//! [`wiring`] tells which service uses which filters, [`coverage`] whether every way of mail leads
//! past the signer, [`settings`] and [`order`] how Postfix treats its filters, [`bounces`] what
//! becomes of its own notices, [`ignored`] whether a socket is set where nobody looks. [`reach`]
//! judges what a knock at the socket came to, by [`access`] (permissions on the way),
//! [`listening`] (where the server really is) and [`groups`] (what running services know).

mod access;
mod bounces;
mod coverage;
mod groups;
mod ignored;
mod listening;
mod order;
mod reach;
mod settings;
pub(super) mod ways;
mod wiring;

use std::sync::Arc;

use tokio::task::spawn_blocking;

use self::{
    access::{Visitor, Way},
    reach::{Door, Scene},
    wiring::{Caller, Fit, callers, ours},
};
use super::each::side_by_side;
use crate::{
    config::settings::Mode,
    doctor::{
        finding::{Finding, Report},
        host::Host,
        knock::{Families, Knock, Knocked},
    },
    postfix::{Postfix, milters::Milter},
    socket::SocketSpec,
    text,
    text::{Lang, Text},
};

/// Postfix's account, unless `mail_owner` names another.
const USUAL_OWNER: &str = "postfix";

/// Where our server is set up to listen.
pub(super) fn socket_of(host: &Host) -> Option<&SocketSpec> {
    host.server.as_ref()?.settings.process.socket.as_ref()
}

/// The address of our server as Postfix has it, and the service that uses it: the first that is.
pub(super) fn address_in_postfix(host: &Host) -> Option<(Milter, bool)> {
    let postfix = host.postfix()?;
    let found = callers(postfix);
    let queue = postfix.queue_directory();
    found.iter().find_map(|caller| {
        let (milter, fit) = ours(caller.used(), queue, socket_of(host))?;
        (fit == Fit::Ours).then(|| (milter.clone(), caller.service.chroot))
    })
}

/// Looks at it all.
pub(super) async fn run(host: Arc<Host>) -> Report {
    let Some(postfix) = host.postfix() else {
        return Report::skipped(text!(
            "Postfix's settings can't be read",
            "no se pueden leer los ajustes de Postfix"
        ));
    };
    let socket = socket_of(&host);
    let server = host.server.as_deref();
    let mode = server.map_or(
        Mode {
            sign: true,
            verify: true,
        },
        |server| server.settings.decision.mode,
    );
    let callers = callers(postfix);
    let mut report = Report::from(coverage::judge(postfix, &callers, socket, mode.sign));
    report.merge(knock_everywhere(&host, postfix, &callers).await);
    for finding in settings::judge(postfix, &callers, socket, server)
        .into_iter()
        .chain(order::judge(postfix, &callers, socket, mode))
        .chain(ignored::findings(&host.config, socket))
    {
        report.add(finding);
    }
    if let Some(server) = server {
        let bounces = bounces::judge(postfix, &callers, socket, server).await;
        bounces.into_iter().for_each(|finding| report.add(finding));
    }
    report
}

/// Knocks at our server's address wherever Postfix has it, once for each address and view.
async fn knock_everywhere(host: &Host, postfix: &Postfix, callers: &[Caller<'_>]) -> Report {
    let queue = postfix.queue_directory();
    let socket = socket_of(host);
    let owner = Some(postfix.main.value("mail_owner"))
        .filter(|owner| !owner.is_empty())
        .unwrap_or(USUAL_OWNER);
    let mut doors: Vec<(&Milter, Fit, bool, Vec<&Caller<'_>>)> = Vec::new();
    for caller in callers.iter().filter(|caller| reach::matters(caller)) {
        let Some((milter, fit)) = ours(caller.used(), queue, socket) else {
            continue;
        };
        if wiring::misspelt(milter).is_some() {
            continue;
        }
        let chroot = caller.service.chroot;
        let known = doors
            .iter_mut()
            .find(|(known, _, inside, _)| known.endpoint == milter.endpoint && *inside == chroot);
        match known {
            Some((_, _, _, users)) => users.push(caller),
            None => doors.push((milter, fit, chroot, vec![caller])),
        }
    }
    if doors.is_empty() {
        return Report::default();
    }
    if !nix::unistd::geteuid().is_root() {
        return Report::from(vec![not_seen(&text!(
            "only root can look as Postfix does",
            "solo root puede mirar como lo hace Postfix"
        ))]);
    }
    let visitor = Visitor::find(owner);
    let scene = Scene {
        queue,
        visitor: visitor.clone(),
        servers: &listening::servers(),
        socket,
        config: &host.config,
    };
    let knocks = doors.iter().map(|(milter, _, chroot, _)| Knock {
        user: Some(owner.to_owned()),
        directory: queue.to_owned(),
        chroot: *chroot,
        families: families(postfix),
        endpoint: endpoint_of(milter),
    });
    let answers = ask_all(knocks).await;
    let mut report = Report::default();
    let mut open = true;
    for ((milter, fit, chroot, users), knocked) in doors.into_iter().zip(answers) {
        let door = match knocked {
            Err(cause) => {
                report.add(not_seen(&Text::new(&cause, &cause)));
                continue;
            }
            Ok(Knocked::NotAsPostfix { step }) => {
                report.add(not_seen(&Text::new(&step, &step)));
                continue;
            }
            Ok(knocked) => Door {
                default_action: settings::default_action(postfix, users[0], milter),
                callers: users,
                milter,
                fit,
                chroot,
                knocked,
            },
        };
        let finding = match cause_is_known(host) {
            // The server can't have started: why, the check of its configuration tells.
            true => None,
            false => reach::judge(&door, &scene),
        };
        open &= finding.is_none();
        finding.into_iter().for_each(|finding| report.add(finding));
    }
    if let (true, Some(visitor), Some(SocketSpec::Unix(path))) = (open, visitor, socket) {
        let way = Way::to(path, std::path::Path::new("/"));
        let groups: Vec<_> = way.shared_by_group().map(|step| step.gid).collect();
        report.findings.extend(groups::judge(&visitor, &groups));
    }
    report
}

fn cause_is_known(host: &Host) -> bool {
    !host.server_could_start
}

fn not_seen(cause: &Text) -> Finding {
    let (en, es) = (cause.to(Lang::En), cause.to(Lang::Es));
    Finding::info(
        "milter-not-seen",
        "Socket",
        text!(
            "could not try the milter's socket as Postfix does: {en}",
            "no se pudo probar el socket del milter como lo hace Postfix: {es}"
        ),
    )
    .advice(text!(
        "run dkimd doctor as root",
        "ejecute dkimd doctor como root"
    ))
}

fn families(postfix: &Postfix) -> Families {
    let protocols = postfix.main.list("inet_protocols");
    let speaks = |family: &str| {
        protocols.is_empty()
            || protocols
                .iter()
                .any(|word| *word == "all" || *word == family)
    };
    Families {
        v4: speaks("ipv4"),
        v6: speaks("ipv6"),
    }
}

/// The address without settings in braces.
fn endpoint_of(milter: &Milter) -> String {
    let first = milter.written.trim_start_matches(['{', ' ']);
    let end = first.find([',', ' ', '}']).unwrap_or(first.len());
    first[..end].to_owned()
}

/// Asks all at once; the answers come in their order.
async fn ask_all(knocks: impl Iterator<Item = Knock>) -> Vec<Result<Knocked, String>> {
    side_by_side(knocks.map(|knock| async {
        match spawn_blocking(move || knock.ask()).await {
            Ok(answer) => answer.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }))
    .await
}
