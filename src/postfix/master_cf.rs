//! The services of `master.cf`.

use std::collections::BTreeMap;

/// One service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// `smtp`, `submission`, `127.0.0.1:10025`, `cleanup`.
    pub name: String,
    /// `inet`, `unix`, `fifo`, `pass`, `unix-dgram`.
    pub kind: String,
    /// Whether it sees nothing but the queue directory.
    pub chroot: bool,
    /// Whether it runs without root's rights.
    pub unprivileged: bool,
    /// The program: `smtpd`, `cleanup`, `pipe`.
    pub command: String,
    /// Its arguments, as `postconf -M` prints them, `-o` among them.
    pub arguments: String,
    /// Parameters set with `-o`, `$names` expanded.
    pub overrides: BTreeMap<String, String>,
    /// The same, `$name` as it is written.
    pub written: BTreeMap<String, String>,
}

impl Service {
    /// What a service is called in `postconf -P`: `submission/inet`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.name, self.kind)
    }
}

/// Reads what `postconf -M` (services), `postconf -P -x` (overrides) and `postconf -P` (the same as
/// they are written) print.
pub fn parse(services: &str, overrides: &str, written: &str) -> Vec<Service> {
    let mut found: Vec<Service> = services.lines().filter_map(service).collect();
    for (id, parameter, value) in overrides.lines().filter_map(setting) {
        if let Some(service) = found.iter_mut().find(|service| service.id() == id) {
            service.overrides.insert(parameter, value);
        }
    }
    for (id, parameter, value) in written.lines().filter_map(setting) {
        if let Some(service) = found.iter_mut().find(|service| service.id() == id) {
            service.written.insert(parameter, value);
        }
    }
    found
}

/// `smtp/inet/smtpd_milters = value`; a service's name may hold a slash itself.
fn setting(line: &str) -> Option<(&str, String, String)> {
    let (place, value) = line.split_once('=')?;
    let (id, parameter) = place.trim().rsplit_once('/')?;
    Some((id, parameter.to_owned(), value.trim().to_owned()))
}

fn service(line: &str) -> Option<Service> {
    let mut words = line.split_ascii_whitespace();
    let (name, kind) = (words.next()?, words.next()?);
    let (_private, unprivileged, chroot) = (words.next()?, words.next()?, words.next()?);
    let (_wakeup, _limit, command) = (words.next()?, words.next()?, words.next()?);
    Some(Service {
        name: name.to_owned(),
        kind: kind.to_owned(),
        // Since Postfix 3.0, `-` means no chroot and unprivileged.
        chroot: chroot == "y",
        unprivileged: unprivileged != "n",
        command: command.to_owned(),
        arguments: words.collect::<Vec<_>>().join(" "),
        overrides: BTreeMap::new(),
        written: BTreeMap::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_take_their_own_overrides() {
        let services = parse(
            "smtp       inet  n       -       y       -       -       smtpd\n\
             submission inet  n       -       n       -       -       smtpd -o smtpd_tls_security_level=encrypt\n\
             cleanup    unix  n       -       y       -       0       cleanup\n",
            "submission/inet/smtpd_tls_security_level = encrypt\n\
             submission/inet/milter_macro_daemon_name = ORIGINATING\n",
            "submission/inet/smtpd_tls_security_level = $mine\n",
        );
        assert_eq!(services.len(), 3);
        assert!(services[0].chroot && !services[1].chroot);
        assert!(services[0].overrides.is_empty());
        assert_eq!(
            services[1].overrides["milter_macro_daemon_name"],
            "ORIGINATING"
        );
        assert_eq!(services[1].written["smtpd_tls_security_level"], "$mine");
        assert_eq!(services[2].id(), "cleanup/unix");
    }
}
