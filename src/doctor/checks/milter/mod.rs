//! How Postfix and the server are wired: who hands mail to whom, and whether the socket is reached
//! as Postfix's own processes reach it.
//!
//! [`wiring`] tells which service uses which filters, [`coverage`] whether every way of mail leads
//! past the signer, [`spelling`] whether Postfix understands its lists, [`settings`] and [`order`]
//! how Postfix treats its filters, [`bounces`] what becomes of its own notices, [`ignored`] whether a
//! socket is set where nobody looks, [`strangers`] who may connect at all. [`reach`]
//! judges what a knock at the socket came to, by [`access`] (permissions on the way),
//! [`listening`] (where the server really is) and [`groups`] (what running services know). A
//! [`remedy`] is put to [`trial`] on the settings in memory before it is told; [`place`] knows where a
//! list stands and how our server is written there.

mod access;
mod bounces;
mod coverage;
mod groups;
mod ignored;
mod listening;
mod order;
mod place;
mod reach;
mod remedy;
mod settings;
mod spelling;
mod strangers;
mod trial;
pub(super) mod ways;
mod wiring;

use std::sync::Arc;

use tokio::task::spawn_blocking;

use self::{
    access::{Visitor, Way},
    listening::Server,
    place::Site,
    reach::{Door, Scene},
    remedy::Mended,
    trial::Trial,
    wiring::{Caller, Fit, callers, ours},
};
use super::each::side_by_side;
use crate::{
    host::Host,
    knock::{Families, Knock, Knocked},
    report::{Cause, Report},
};
use dkimd_advice::text;
use dkimd_milter::socket::SocketSpec;
use dkimd_postfix::{
    Postfix,
    milters::{Milter, endpoint_of},
};
use dkimd_server::decide::Mode;

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
        return super::no_postfix();
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
    let servers = listening::servers(&host.config, host.command_line);
    let standing = standing(socket, &servers);
    let mut site = Site::new(postfix, standing.as_ref());
    site.config = &host.config;
    let user = server.and_then(|server| server.settings.process.user.as_deref());
    if let Some((name, _)) = user.map(|user| user.split_once(':').unwrap_or((user, ""))) {
        site.user = name;
    }
    let trial = Trial { mode, server };
    let found = callers(postfix);
    let mut mended = spelling::judge(&site, &found);
    let changes: Vec<_> = mended
        .iter()
        .flat_map(|found| &found.edits)
        .filter_map(|edit| edit.change(postfix))
        .collect();
    // The rest is judged as it is with all addresses spelt right.
    let spelt = postfix.with(&changes);
    let spelt = site.after(&spelt, site.socket);
    let callers = callers(spelt.postfix);
    mended.extend(coverage::judge(&spelt, &callers, mode.sign));
    let mut report = Report::default();
    mended.extend(knock_everywhere(&host, &site, &found, &servers, &mut report).await);
    mended.extend(settings::judge(&spelt, &callers, server));
    mended.extend(order::judge(&spelt, &callers, mode));
    report.findings.splice(0..0, trial.told(mended, &site));
    for finding in ignored::findings(&host.config, socket) {
        report.add(finding);
    }
    if let Some(server) = server {
        let bounces = bounces::judge(postfix, &callers, socket, server, &host.config).await;
        bounces.into_iter().for_each(|finding| report.add(finding));
        let postfix_at = strangers::postfix_addresses(postfix, &callers, socket);
        let places = strangers::open_places(&servers, socket);
        let config = host.config.display().to_string();
        let finding = strangers::judge(&places, &postfix_at, server, &config);
        finding.into_iter().for_each(|finding| report.add(finding));
    }
    report
}

/// Where our server listens: as its configuration says, unless one runs that listens elsewhere.
fn standing(socket: Option<&SocketSpec>, servers: &[Server]) -> Option<SocketSpec> {
    let mut places = servers.iter().flat_map(|server| &server.places);
    let known = socket.filter(|socket| !matches!(socket, SocketSpec::Inherited(_)));
    match known {
        Some(socket) if servers.is_empty() || places.any(|place| place.is(socket)) => {
            Some(socket.clone())
        }
        _ => {
            let running = servers.iter().flat_map(|server| &server.places).next();
            running.map(listening::Place::socket).or(known.cloned())
        }
    }
}

/// Knocks at our server's address wherever Postfix has it, once for each address and view.
async fn knock_everywhere(
    host: &Host,
    site: &Site<'_>,
    callers: &[Caller<'_>],
    servers: &[Server],
    report: &mut Report,
) -> Vec<Mended> {
    let (postfix, queue) = (site.postfix, site.queue());
    let socket = socket_of(host);
    let owner = Some(postfix.main.value("mail_owner"))
        .filter(|owner| !owner.is_empty())
        .unwrap_or(USUAL_OWNER);
    let mut doors: Vec<(&Milter, Fit, bool, Vec<&Caller<'_>>)> = Vec::new();
    for caller in callers.iter().filter(|caller| reach::matters(caller)) {
        let Some((milter, fit)) = ours(caller.used(), queue, socket) else {
            continue;
        };
        if spelling::is_misspelt(milter) {
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
        return Vec::new();
    }
    if !nix::unistd::geteuid().is_root() {
        report.omit(
            Cause::Rights,
            text!("whether Postfix's services reach the socket of the milter"),
        );
        return Vec::new();
    }
    let visitor = Visitor::find(owner);
    let scene = Scene {
        site,
        visitor: visitor.clone(),
        servers,
        socket,
        config: &host.config,
    };
    let knocks = doors.iter().map(|(milter, _, chroot, _)| Knock {
        user: Some(owner.to_owned()),
        directory: queue.to_owned(),
        chroot: *chroot,
        families: families(postfix),
        endpoint: endpoint_of(&milter.written).to_owned(),
    });
    let answers = ask_all(knocks).await;
    let mut mended = Vec::new();
    let mut open = true;
    for ((milter, fit, chroot, users), knocked) in doors.into_iter().zip(answers) {
        let door = match knocked {
            Err(cause) | Ok(Knocked::NotAsPostfix { step: cause }) => {
                report.omit(
                    Cause::Unavailable,
                    text!("whether Postfix's services reach the socket of the milter: {cause}"),
                );
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
        let finding =
            match cause_is_known(host) {
                true => {
                    report.omit(
                    Cause::Told,
                    text!("whether Postfix's services reach the milter, which can't start with its \
                         configuration"),
                );
                    None
                }
                false => reach::judge(&door, &scene).or_else(|| {
                    let server = host.server.as_deref()?;
                    strangers::shut_out(&door, &scene, server).map(Mended::from)
                }),
            };
        open &= finding.is_none();
        mended.extend(finding);
    }
    if let (true, Some(visitor), Some(SocketSpec::Unix(path))) = (open, visitor, socket) {
        let way = Way::to(path, std::path::Path::new("/"));
        let groups: Vec<_> = way.shared_by_group().map(|step| step.gid).collect();
        report.findings.extend(groups::judge(&visitor, &groups));
    }
    mended
}

fn cause_is_known(host: &Host) -> bool {
    !host.server_could_start
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
