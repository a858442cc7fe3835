//! Why a place can't be used, in both languages. The English is the error's own ([`PlaceError`]).

use std::path::Path;

use dkimd_advice::text::Text;
use dkimd_hand::{Kind, MOST_OCTETS, PATIENCE, PlaceError};
use dkimd_server::keys::safe::shell_word;

/// What is wrong, and the command that mends it.
pub fn text(error: &PlaceError) -> Text {
    Text::new(error.to_string(), spanish(error))
}

fn spanish(error: &PlaceError) -> String {
    let shown = |path: &Path| path.display().to_string();
    let word = |path: &Path| shell_word(&path.to_string_lossy());
    match error {
        PlaceError::Link {
            path,
            owner,
            directory,
        } => {
            let (shown, word, directory) = (shown(path), word(path), shown(directory));
            format!(
                "{shown} es un enlace simbólico que pertenece al usuario {owner}, en un lugar \
                 que no decide solo root ({directory}), así que no se sigue. Vea adónde lleva \
                 (ls -l {word}) y después elimínelo: rm {word}"
            )
        }
        PlaceError::Other { path, kind, owner } => {
            let kind = spanish_kind(*kind);
            let (shown, word) = (shown(path), word(path));
            format!(
                "{shown} es {kind} que pertenece al usuario {owner}, no lo que hace falta ahí. \
                 Apártelo: mv {word} {word}.old"
            )
        }
        PlaceError::TooBig { path, owner } => {
            let (shown, word) = (shown(path), word(path));
            let most = MOST_OCTETS / 1024 / 1024;
            format!(
                "{shown}, que pertenece al usuario {owner}, es mayor que cualquier archivo así \
                 (más de {most} MiB, o de lo que puede ocupar una clave). Apártelo: mv {word} \
                 {word}.old"
            )
        }
        PlaceError::Shared {
            directory,
            owner,
            everybody,
        } => {
            let (shown, word) = (shown(directory), word(directory));
            let (who, class) = if *everybody {
                ("cualquiera", "o")
            } else {
                ("su grupo", "g")
            };
            format!(
                "El directorio {shown} pertenece al usuario {owner}, pero {who} puede cambiarlo, \
                 así que lo que contiene puede ser de cualquiera. Quite ese permiso: chmod \
                 {class}-w {word}"
            )
        }
        PlaceError::Denied {
            path,
            user,
            directory,
        } => {
            let (above, directory) = (word(directory), shown(directory));
            let (shown, word) = (shown(path), word(path));
            format!(
                "{directory} pertenece al usuario {user}, así que root solo toca lo que contiene \
                 con los permisos de ese usuario, y {user} no puede hacerlo con {shown}. Déselo \
                 a ese usuario: chown -h {user} {word} && chmod u+rwX {word}; o haga que el \
                 directorio sea de root: chown -h root {above}"
            )
        }
        PlaceError::NoRights {
            directory,
            user,
            cause,
        } => {
            let (shown, word) = (shown(directory), word(directory));
            format!(
                "{shown} pertenece al usuario {user}, y este proceso no puede tomar los permisos \
                 de ese usuario ({cause}); con los suyos no cambia nada ahí. Haga que el \
                 directorio sea de root: chown -h root {word}"
            )
        }
        PlaceError::WrongUser {
            path,
            needed,
            user,
            directory,
        } => {
            let (above, directory) = (word(directory), shown(directory));
            let shown = shown(path);
            format!(
                "{shown} debe pertenecer al usuario {needed}, pero {directory} pertenece al usuario \
                 {user}, así que lo que root hace crear ahí es de ese usuario. Dé el directorio al \
                 otro: chown -h {needed} {above}"
            )
        }
        PlaceError::Word { path, file, user } => {
            let (shown, word, file) = (shown(path), word(file), shown(file));
            format!(
                "{shown} lo nombra {file}, que el usuario {user} puede cambiar, así que root no \
                 cambia nada ahí porque ese archivo lo diga. Haga que el archivo sea de root: \
                 chown -h root {word} && chmod go-w {word}"
            )
        }
        PlaceError::Silent { path, user } => {
            let (shown, seconds) = (shown(path), PATIENCE.as_secs());
            let word = word(path);
            format!(
                "{shown} no respondió al usuario {user} en {seconds} segundos. Vea qué está \
                 montado ahí: findmnt -T {word}"
            )
        }
        PlaceError::System { path, cause } => {
            let (shown, cause) = (shown(path), cause.desc());
            format!("{shown}: {cause}")
        }
    }
}

fn spanish_kind(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "un archivo",
        Kind::Directory => "un directorio",
        Kind::Link => "un enlace simbólico",
        Kind::Pipe => "una tubería con nombre",
        Kind::Socket => "un socket",
        Kind::Device => "un dispositivo",
    }
}
