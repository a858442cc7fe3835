//! Why a message is not signed (`decide::Reason`), and why one that should be can't be
//! (`session::failure`).

use super::{Facts, Word};
use crate::{doctor::finding::Finding, text, tools::configuration::DEFAULT_FILE};

/// Where own clients are listed, as packages and guides call the file.
const INTERNAL_HOSTS: &str = "InternalHosts (/etc/opendkim/TrustedHosts)";

/// In the order of the decision.
pub(super) const WORDS: &[Word] = &[
    Word {
        word: "no-author",
        explain: no_author,
    },
    Word {
        word: "author-unreadable",
        explain: author_unreadable,
    },
    Word {
        word: "several-from",
        explain: several_from,
    },
    Word {
        word: "header-fault",
        explain: header_fault,
    },
    Word {
        word: "exempt-domain",
        explain: exempt_domain,
    },
    Word {
        word: "not-ours",
        explain: not_ours,
    },
    Word {
        word: "not-internal",
        explain: not_internal,
    },
    Word {
        word: "not-authenticated",
        explain: not_authenticated,
    },
    Word {
        word: "no-key-configured",
        explain: no_key_configured,
    },
    Word {
        word: "no-matching-entry",
        explain: no_matching_entry,
    },
    Word {
        word: "signing-off",
        explain: signing_off,
    },
    Word {
        word: "recipient-excused",
        explain: recipient_excused,
    },
    Word {
        word: "table-unavailable",
        explain: table_unavailable,
    },
    Word {
        word: "key-not-in-table",
        explain: key_not_in_table,
    },
    Word {
        word: "table-entry-unusable",
        explain: table_entry_unusable,
    },
    Word {
        word: "bad-domain",
        explain: bad_domain,
    },
    Word {
        word: "key-missing",
        explain: key_missing,
    },
    Word {
        word: "key-unreadable",
        explain: key_unreadable,
    },
    Word {
        word: "key-unusable",
        explain: key_unusable,
    },
    Word {
        word: "key-unsafe",
        explain: key_unsafe,
    },
    Word {
        word: "key-changing",
        explain: key_changing,
    },
    Word {
        word: "key-too-small",
        explain: key_too_small,
    },
    Word {
        word: "private-key-operation",
        explain: private_key_operation,
    },
    Word {
        word: "header-too-large",
        explain: header_too_large,
    },
];

fn no_author(facts: &Facts<'_>) -> Finding {
    Finding::warn(
        "no-author",
        facts.thing(""),
        text!(
            "the message has no From field, so nobody can be signed for",
            "el mensaje no tiene campo From, así que no hay por quién firmar"
        ),
    )
    .why(text!(
        "every message must have one From field (RFC 5322); Gmail refuses mail without it",
        "todo mensaje debe tener un campo From (RFC 5322); Gmail rechaza el correo sin él"
    ))
    .advice(text!(
        "mend the program that writes the message (a script of cron or of the web server): it must \
         write `From: name@domain`",
        "corrija el programa que escribe el mensaje (un script de cron o del servidor web): debe \
         escribir `From: nombre@dominio`"
    ))
    .command("postconf -e always_add_missing_headers=yes && postfix reload")
}

fn author_unreadable(facts: &Facts<'_>) -> Finding {
    let value = facts.thing("?");
    Finding::warn(
        "author-unreadable",
        facts.thing(""),
        text!(
            "the From field holds no address that can be read without guessing: {value}",
            "el campo From no contiene ninguna dirección que se pueda leer sin adivinar: {value}"
        ),
    )
    .why(text!(
        "a guess could sign for the wrong domain, so the message goes on unsigned",
        "adivinando se podría firmar por otro dominio; por eso el mensaje sigue sin firma"
    ))
    .advice(text!(
        "mend the program that writes the message: `From: \"Name, with comma\" <user@example.com>`",
        "corrija el programa que escribe el mensaje: `From: \"Nombre, con coma\" <user@example.com>`"
    ))
}

fn several_from(_: &Facts<'_>) -> Finding {
    Finding::warn(
        "several-from",
        "From",
        text!(
            "the message has several From fields and was not signed",
            "el mensaje tiene varios campos From y no se firmó"
        ),
    )
    .why(text!(
        "a signature would vouch for one of them by guess; large receivers refuse such mail",
        "la firma respondería por uno de ellos al azar; los grandes receptores rechazan ese correo"
    ))
    .advice(text!(
        "mend the program that writes the message: From must stand there once",
        "corrija el programa que escribe el mensaje: From debe figurar una sola vez"
    ))
}

fn header_fault(facts: &Facts<'_>) -> Finding {
    let fault = facts.thing("StrictHeaders, RequiredHeaders");
    Finding::warn(
        "header-fault",
        facts.thing(""),
        text!(
            "the header breaks RFC 5322: {fault}",
            "la cabecera incumple la RFC 5322: {fault}"
        ),
    )
    .why(text!(
        "StrictHeaders leaves such mail unsigned, RequiredHeaders refuses it",
        "StrictHeaders deja ese correo sin firmar, RequiredHeaders lo rechaza"
    ))
    .advice(text!(
        "mend the program that writes the message; Date and From must stand there exactly once",
        "corrija el programa que escribe el mensaje; Date y From deben figurar exactamente una vez"
    ))
}

fn exempt_domain(facts: &Facts<'_>) -> Finding {
    let author = facts.author();
    Finding::info(
        "exempt-domain",
        facts.author.unwrap_or_default(),
        text!(
            "ExemptDomains lists the domain of {author}: its mail is neither signed nor verified",
            "ExemptDomains contiene el dominio de {author}: su correo ni se firma ni se verifica"
        ),
    )
    .advice(text!(
        "if it should be signed, take the domain out of ExemptDomains and reload",
        "si debe firmarse, quite el dominio de ExemptDomains y recargue"
    ))
}

fn not_ours(facts: &Facts<'_>) -> Finding {
    let client = facts.client();
    Finding::warn(
        "not-ours",
        facts.client.unwrap_or_default(),
        text!(
            "the message was not signed because it counts as a stranger's: its client is neither in \
             InternalHosts nor authenticated",
            "el mensaje no se firmó porque cuenta como ajeno: su cliente no está en InternalHosts ni \
             se autenticó"
        ),
    )
    .why(text!(
        "only mail of one's own is signed; anybody could otherwise get a signature of your domain. \
         For mail that comes in from the Internet this is as it should be",
        "solo se firma el correo propio; si no, cualquiera obtendría una firma de su dominio. Para el \
         correo que llega de Internet esto es lo correcto"
    ))
    .advice(text!(
        "if a person sent it: their mail program must log in, on port 587 or 465 with user and \
         password",
        "si lo envió una persona: su programa de correo debe iniciar sesión, en el puerto 587 o 465 \
         con usuario y contraseña"
    ))
    .setting(INTERNAL_HOSTS, client)
    .command(dry_run(facts))
}

fn not_internal(facts: &Facts<'_>) -> Finding {
    let client = facts.client();
    Finding::warn(
        "not-internal",
        facts.client.unwrap_or_default(),
        text!(
            "InternalHosts does not list the client {client}: its mail is verified, not signed, unless \
             it authenticates",
            "InternalHosts no contiene el cliente {client}: su correo se verifica, no se firma, salvo \
             que se autentique"
        ),
    )
    .why(text!(
        "right for mail from the Internet; for a server, container or VPN of your own it means that \
         its mail leaves unsigned",
        "correcto para el correo de Internet; en un servidor, contenedor o VPN propio significa que \
         su correo sale sin firma"
    ))
    .setting(INTERNAL_HOSTS, client)
    .command("systemctl reload opendkim")
    .command(dry_run(facts))
}

fn not_authenticated(facts: &Facts<'_>) -> Finding {
    Finding::warn(
        "not-authenticated",
        facts.client.unwrap_or_default(),
        text!(
            "the client did not log in, so its mail is not signed on that ground",
            "el cliente no inició sesión, así que su correo no se firma por ese motivo"
        ),
    )
    .why(text!(
        "right for mail from other servers; a person's mail program must use port 587 or 465 and log \
         in to be signed for",
        "correcto para el correo de otros servidores; el programa de correo de una persona debe usar \
         el puerto 587 o 465 e iniciar sesión para que se firme"
    ))
    .advice(text!(
        "check in the mail program: outgoing server port 587 (STARTTLS) or 465 (TLS), \
         authentication by password",
        "compruebe en el programa de correo: servidor saliente, puerto 587 (STARTTLS) o 465 (TLS), \
         autenticación con contraseña"
    ))
    .command("postconf -P '*/inet/milter_macro_daemon_name' '*/inet/smtpd_milters'")
}

fn dry_run(facts: &Facts<'_>) -> String {
    format!(
        "dkimd explain {} --client {}",
        facts.author(),
        facts.client()
    )
}

fn no_key_configured(_: &Facts<'_>) -> Finding {
    Finding::fail(
        "no-key-configured",
        DEFAULT_FILE,
        text!(
            "no key is configured: neither Domain nor SigningTable is set, so nothing is signed",
            "no hay ninguna clave configurada: no se ha definido ni Domain ni SigningTable, así \
             que no se firma nada"
        ),
    )
    .why(text!(
        "Gmail, Yahoo and Microsoft demand a DKIM signature from every larger sender",
        "Gmail, Yahoo y Microsoft exigen una firma DKIM a todo remitente de cierto volumen"
    ))
    .command("dkimd setup example.com")
}

fn no_matching_entry(facts: &Facts<'_>) -> Finding {
    let author = facts.author();
    let domain = author.rsplit_once('@').map_or(author, |(_, domain)| domain);
    Finding::fail(
        "no-matching-entry",
        facts.author.unwrap_or_default(),
        text!(
            "no entry of SigningTable (or Domain) fits the author {author}, so the message leaves \
             unsigned",
            "ninguna entrada de SigningTable (ni Domain) corresponde al autor {author}, así que el \
             mensaje sale sin firma"
        ),
    )
    .why(text!(
        "wildcards such as *@{domain} work only in a table that is written `refile:/path`; \
         subdomains need an entry of their own",
        "los comodines como *@{domain} solo funcionan en una tabla escrita `refile:/ruta`; los \
         subdominios necesitan su propia entrada"
    ))
    .setting(
        DEFAULT_FILE,
        "SigningTable refile:/etc/opendkim/SigningTable",
    )
    .setting(
        "/etc/opendkim/SigningTable",
        format!("*@{domain} {}", facts.thing("KEYNAME")),
    )
    .command("systemctl reload opendkim")
    .command(format!("dkimd explain {author}"))
}

fn signing_off(_: &Facts<'_>) -> Finding {
    Finding::fail(
        "signing-off",
        DEFAULT_FILE,
        text!(
            "a key is there, but Mode has no s: this server only verifies",
            "hay una clave, pero Mode no tiene s: este servidor solo verifica"
        ),
    )
    .setting(DEFAULT_FILE, "Mode sv")
    .command("systemctl reload opendkim")
}

fn recipient_excused(facts: &Facts<'_>) -> Finding {
    let recipient = facts.thing("the recipient");
    Finding::info(
        "recipient-excused",
        facts.thing(""),
        text!(
            "not signed because DontSignMailTo lists {recipient}",
            "no se firmó porque DontSignMailTo contiene {recipient}"
        ),
    )
    .advice(text!(
        "if it should be signed, take the recipient out of DontSignMailTo and reload",
        "si debe firmarse, quite el destinatario de DontSignMailTo y recargue"
    ))
}

fn table_unavailable(facts: &Facts<'_>) -> Finding {
    Finding::fail(
        "table-unavailable",
        facts.thing(""),
        text!(
            "SigningTable or KeyTable could not be asked, so the mail waits: it is not let out unsigned",
            "no se pudo consultar SigningTable o KeyTable, así que el correo espera: no sale sin firma"
        ),
    )
    .why(text!(
        "the sender sees a temporary failure and tries again; nothing is lost",
        "el remitente ve un fallo temporal y reintenta; no se pierde nada"
    ))
    .command("dkimd check")
    .advice(text!(
        "see that the file is readable, or that the database behind it answers",
        "compruebe que el archivo se puede leer, o que responde la base de datos que hay detrás"
    ))
}

fn key_not_in_table(facts: &Facts<'_>) -> Finding {
    let name = facts.thing("KEYNAME");
    Finding::fail(
        "key-not-in-table",
        facts.thing(""),
        text!(
            "SigningTable names the key {name}, and KeyTable has no such entry",
            "SigningTable nombra la clave {name}, y KeyTable no tiene esa entrada"
        ),
    )
    .why(text!(
        "mail of these authors gets a temporary failure until the tables agree",
        "el correo de esos autores recibe un fallo temporal hasta que las tablas concuerden"
    ))
    .setting(
        "/etc/opendkim/KeyTable",
        format!("{name} DOMAIN:SELECTOR:/etc/dkimkeys/SELECTOR.private"),
    )
    .command("dkimd check && systemctl reload opendkim")
}

fn table_entry_unusable(facts: &Facts<'_>) -> Finding {
    let name = facts.thing("?");
    Finding::fail(
        "table-entry-unusable",
        facts.thing(""),
        text!(
            "an entry of the tables can't be read: {name}",
            "no se puede leer una entrada de las tablas: {name}"
        ),
    )
    .setting(
        "/etc/opendkim/KeyTable",
        "KEYNAME DOMAIN:SELECTOR:/etc/dkimkeys/SELECTOR.private",
    )
    .setting("/etc/opendkim/SigningTable", "*@DOMAIN KEYNAME")
    .command("dkimd check && systemctl reload opendkim")
}

fn bad_domain(facts: &Facts<'_>) -> Finding {
    let domain = facts.thing("?");
    Finding::fail(
        "bad-domain",
        facts.thing(""),
        text!(
            "the author's domain {domain} can't stand in a signature's d=",
            "el dominio del autor, {domain}, no puede figurar en el d= de una firma"
        ),
    )
    .why(text!(
        "KeyTable has % in the place of the domain, so every author's domain is taken",
        "KeyTable tiene % en el lugar del dominio, así que se toma el dominio de cada autor"
    ))
    .advice(text!(
        "write the domain by name into the KeyTable instead of %",
        "escriba el dominio por su nombre en KeyTable en lugar de %"
    ))
}

fn key_missing(facts: &Facts<'_>) -> Finding {
    let path = facts.thing("?");
    Finding::fail(
        "key-missing",
        facts.thing(""),
        text!(
            "the private key {path} is not there",
            "la clave privada {path} no existe"
        ),
    )
    .why(text!(
        "the mail gets a temporary failure and stays in the queue: nothing leaves unsigned",
        "el correo recibe un fallo temporal y queda en la cola: nada sale sin firma"
    ))
    .advice(text!(
        "correct the path in KeyFile or KeyTable, or bring the file back from a backup; a new key \
         needs a new DNS record",
        "corrija la ruta en KeyFile o KeyTable, o recupere el archivo de una copia; una clave nueva \
         necesita un registro DNS nuevo"
    ))
    .command("dkimd check")
}

fn key_unreadable(facts: &Facts<'_>) -> Finding {
    let path = facts.thing("/etc/dkimkeys/SELECTOR.private");
    Finding::fail(
        "key-unreadable",
        facts.thing(""),
        text!(
            "the server may not read the private key {path}",
            "el servidor no puede leer la clave privada {path}"
        ),
    )
    .why(text!(
        "it runs as the user of UserID (opendkim on Debian), not as root",
        "funciona con el usuario de UserID (opendkim en Debian), no como root"
    ))
    .command(format!("chown opendkim {path} && chmod 600 {path}"))
    .command("dkimd check")
}

/// Of a private key; of a published one where the signature's domain is known.
fn key_unusable(facts: &Facts<'_>) -> Finding {
    if facts.domain.is_some() {
        return published_key_unusable(facts);
    }
    let path = facts.thing("?");
    Finding::fail(
        "key-unusable",
        facts.thing(""),
        text!(
            "what stands in {path} is no private key that can sign",
            "lo que hay en {path} no es una clave privada con la que se pueda firmar"
        ),
    )
    .why(text!(
        "usual causes: the .txt record instead of the .private file, a cut or encrypted file, an \
         elliptic-curve key",
        "causas habituales: el registro .txt en lugar del archivo .private, un archivo cortado o \
         cifrado, una clave de curva elíptica"
    ))
    .command("dkimd check")
}

fn published_key_unusable(facts: &Facts<'_>) -> Finding {
    let (name, detail) = (facts.key_name(), facts.thing("p="));
    Finding::fail(
        "key-unusable",
        name.clone(),
        text!(
            "the p= of the record at {name} holds no key: {detail}",
            "el p= del registro de {name} no contiene una clave: {detail}"
        ),
    )
    .why(text!(
        "usual causes: p= cut when it was pasted, or a key wrapped in another format",
        "causas habituales: p= cortado al pegarlo, o una clave envuelta en otro formato"
    ))
    .command("dkimd genzone")
    .command(format!("dig +short TXT {name}"))
}

fn key_unsafe(facts: &Facts<'_>) -> Finding {
    let path = facts.thing("/etc/dkimkeys/SELECTOR.private");
    Finding::fail(
        "key-unsafe",
        facts.thing(""),
        text!(
            "somebody else may read or replace the private key {path} (\"key data is not secure\")",
            "otro usuario puede leer o reemplazar la clave privada {path} («key data is not secure»)"
        ),
    )
    .why(text!(
        "whoever reads the key can sign as your domain; RequireSafeKeys therefore refuses to use it. \
         The directories above the file count too",
        "quien lea la clave puede firmar como su dominio; por eso RequireSafeKeys se niega a usarla. \
         También cuentan los directorios que contienen el archivo"
    ))
    .command(format!("chown opendkim {path} && chmod 600 {path}"))
    .command("dkimd check")
}

fn key_changing(facts: &Facts<'_>) -> Finding {
    let path = facts.thing("?");
    Finding::fail(
        "key-changing",
        facts.thing(""),
        text!(
            "the private key {path} keeps changing while it is read",
            "la clave privada {path} cambia mientras se lee"
        ),
    )
    .advice(text!(
        "find out what keeps writing to it; put a new key in place with mv",
        "averigüe qué la reescribe; ponga una clave nueva en su sitio con mv"
    ))
}

fn key_too_small(facts: &Facts<'_>) -> Finding {
    let (selector, domain) = (facts.selector(), facts.domain());
    Finding::fail(
        "key-too-small",
        facts.domain.unwrap_or_default(),
        text!(
            "the RSA key is smaller than MinimumKeyBits allows",
            "la clave RSA es más pequeña de lo que permite MinimumKeyBits"
        ),
    )
    .why(text!(
        "receivers ignore signatures below 1024 bits (RFC 8301) and advise 2048",
        "los receptores ignoran las firmas de menos de 1024 bits (RFC 8301) y aconsejan 2048"
    ))
    .advice(text!(
        "the signer makes a key of 2048 bits under a new selector, publishes it and then changes the \
         tables (this one is {selector} of {domain})",
        "quien firma crea una clave de 2048 bits con un selector nuevo, la publica y después cambia \
         las tablas (esta es {selector} de {domain})"
    ))
    .command(format!("dkimd keygen -b 2048 -d {domain} -s NEWSELECTOR"))
}

fn private_key_operation(_: &Facts<'_>) -> Finding {
    Finding::fail(
        "private-key-operation",
        "",
        text!(
            "the key was read, but signing with it failed",
            "la clave se leyó, pero la firma con ella falló"
        ),
    )
    .why(text!(
        "the key's numbers are damaged; the mail waits in the queue",
        "los números de la clave están dañados; el correo espera en la cola"
    ))
    .advice(text!(
        "bring the key back from a backup, or make a new one under a new selector",
        "recupere la clave de una copia, o cree otra con un selector nuevo"
    ))
    .command("dkimd testkey")
}

fn header_too_large(_: &Facts<'_>) -> Finding {
    Finding::fail(
        "header-too-large",
        "MaximumHeaders",
        text!(
            "the header of the message is larger than MaximumHeaders allows",
            "la cabecera del mensaje es mayor de lo que permite MaximumHeaders"
        ),
    )
    .why(text!(
        "mail through Microsoft 365 can carry more than 64 kB of header",
        "el correo que pasa por Microsoft 365 puede llevar más de 64 kB de cabecera"
    ))
    .setting(DEFAULT_FILE, "MaximumHeaders 262144")
    .command("systemctl reload opendkim")
}
