//! What verifying a signature came to (`dkim::outcome`): whose fault it is, and what that side does.
//!
//! The remedies are for the signing domain, whether that is the reader's own or another's.

use super::{Facts, Word, word};
use dkimd_advice::{Finding, text};
use dkimd_server::{config::DEFAULT_FILE, keys::safe::shell_word};

/// In the order in which a verifier finds them.
pub(super) const WORDS: &[Word] = &[
    word("pass", pass),
    word("ignored", ignored),
    word("malformed-signature", malformed_signature),
    word("expired", expired),
    word("from-the-future", from_the_future),
    word("algorithm-refused", algorithm_refused),
    word("field-unprotected", field_unprotected),
    word("body-shorter-than-signed", body_shorter_than_signed),
    word("body-too-little-signed", body_too_little_signed),
    word("body-changed", body_changed),
    word("signature-wrong", signature_wrong),
    word("key-not-found", key_not_found),
    word("several-keys", several_keys),
    word("dns-failed", dns_failed),
    word("key-record-invalid", key_record_invalid),
    word("key-revoked", key_revoked),
    word("key-type-mismatch", key_type_mismatch),
    word("key-hash-mismatch", key_hash_mismatch),
    word("key-not-for-email", key_not_for_email),
    word("subdomain-unauthorized", subdomain_unauthorized),
    word("key-unprotected", key_unprotected),
    word("key-bogus", key_bogus),
];

fn pass(facts: &Facts<'_>) -> Finding {
    let domain = facts.domain();
    Finding::info(
        "pass",
        facts.domain.unwrap_or_default(),
        text!(
            "the signature of {domain} is good",
            "la firma de {domain} es válida"
        ),
    )
}

fn ignored(facts: &Facts<'_>) -> Finding {
    Finding::info(
        "ignored",
        facts.domain.unwrap_or_default(),
        text!(
            "the signature was not verified: MaximumSignaturesToVerify or TrustSignaturesFrom leaves \
             it out",
            "la firma no se verificó: MaximumSignaturesToVerify o TrustSignaturesFrom la deja fuera"
        ),
    )
}

fn malformed_signature(facts: &Facts<'_>) -> Finding {
    let detail = facts.thing("a tag is missing or wrong");
    Finding::fail(
        "malformed-signature",
        facts.domain.unwrap_or_default(),
        text!(
            "the DKIM-Signature field is broken: {detail}",
            "el campo DKIM-Signature está roto: {detail}"
        ),
    )
    .why(text!(
        "it was written wrongly, or a program on the way cut or refolded it; receivers count the \
         message as unsigned",
        "se escribió mal, o un programa del camino lo cortó o lo replegó; los receptores cuentan el \
         mensaje como sin firma"
    ))
    .advice(text!(
        "compare the field with the one that left the signing server",
        "compare el campo con el que salió del servidor que firma"
    ))
}

fn expired(_: &Facts<'_>) -> Finding {
    Finding::fail(
        "expired",
        "x=",
        text!(
            "the signature's lifetime (x=) is over",
            "el plazo de validez de la firma (x=) ha vencido"
        ),
    )
    .why(text!(
        "the message waited longer on its way than the signer allows, or a clock is wrong",
        "el mensaje esperó por el camino más de lo que permite quien firma, o un reloj va mal"
    ))
    .advice(text!(
        "the signer raises or removes SignatureTTL; a week is the least that survives a full queue",
        "quien firma aumenta o quita SignatureTTL; una semana es lo mínimo que sobrevive a una cola \
         llena"
    ))
    .command("timedatectl")
}

fn from_the_future(_: &Facts<'_>) -> Finding {
    Finding::fail(
        "from-the-future",
        "t=",
        text!(
            "the signature says that it was made in the future (t=): one of the two clocks is wrong",
            "la firma dice haberse hecho en el futuro (t=): uno de los dos relojes va mal"
        ),
    )
    .command("timedatectl set-ntp true")
}

fn algorithm_refused(_: &Facts<'_>) -> Finding {
    Finding::fail(
        "algorithm-refused",
        "a=rsa-sha1",
        text!(
            "the signature uses rsa-sha1, which nobody accepts any more",
            "la firma usa rsa-sha1, que ya nadie acepta"
        ),
    )
    .why(text!(
        "RFC 8301 forbids it since 2018",
        "la RFC 8301 lo prohíbe desde 2018"
    ))
    .setting(DEFAULT_FILE, "SignatureAlgorithm rsa-sha256")
}

fn field_unprotected(facts: &Facts<'_>) -> Finding {
    let field = facts.thing("...");
    Finding::fail(
        "field-unprotected",
        field,
        text!(
            "the field {field} is in the message but the signature does not cover it",
            "el campo {field} está en el mensaje pero la firma no lo cubre"
        ),
    )
    .why(text!(
        "MustBeSigned of this server demands it; others could have written the field",
        "MustBeSigned de este servidor lo exige; el campo podría haberlo escrito otro"
    ))
    .advice(text!(
        "the signer adds the field to SignHeaders, or this server takes it out of MustBeSigned",
        "quien firma añade el campo a SignHeaders, o este servidor lo quita de MustBeSigned"
    ))
}

fn body_shorter_than_signed(_: &Facts<'_>) -> Finding {
    Finding::fail(
        "body-shorter-than-signed",
        "l=",
        text!(
            "the body is shorter than the signature's l= says: a part was cut off on the way",
            "el cuerpo es más corto de lo que dice el l= de la firma: se cortó una parte por el camino"
        ),
    )
    .advice(text!(
        "look for an attachment or virus filter that removes parts after signing",
        "busque un filtro de adjuntos o de virus que quite partes después de firmar"
    ))
}

fn body_too_little_signed(_: &Facts<'_>) -> Finding {
    Finding::warn(
        "body-too-little-signed",
        "l=",
        text!(
            "the signature's l= leaves more of the body unsigned than Minimum of this server allows",
            "el l= de la firma deja sin firmar más cuerpo de lo que permite Minimum en este servidor"
        ),
    )
    .why(text!(
        "whatever follows the signed part can have been added by anybody",
        "lo que sigue a la parte firmada puede haberlo añadido cualquiera"
    ))
    .advice(text!(
        "the signer removes BodyLengthDB",
        "quien firma quita BodyLengthDB"
    ))
}

fn body_changed(facts: &Facts<'_>) -> Finding {
    Finding::fail(
        "body-changed",
        facts.domain.unwrap_or_default(),
        text!(
            "the body was changed after it was signed (its hash is not that of bh=)",
            "el cuerpo se modificó después de firmarse (su hash no es el de bh=)"
        ),
    )
    .why(text!(
        "usual causes: a footer of a mailing list, a disclaimer or virus-scanner note, 8-bit text \
         converted to quoted-printable, lines longer than 998 octets that were split",
        "causas habituales: el pie de una lista de correo, un aviso legal o de antivirus, texto de \
         8 bits convertido a quoted-printable, líneas de más de 998 octetos que se partieron"
    ))
    .advice(text!(
        "sign last: the milter that signs must stand after everything that changes the message",
        "firme al final: el milter que firma debe ir detrás de todo lo que modifica el mensaje"
    ))
    .setting(DEFAULT_FILE, "Canonicalization relaxed/relaxed")
    .command("dkimd doctor --only breakers")
    .advice(text!(
        "have the message as it arrived examined: dkimd explain FILE",
        "examine el mensaje tal como llegó: dkimd explain ARCHIVO"
    ))
}

fn signature_wrong(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "signature-wrong",
        facts.domain.unwrap_or_default(),
        text!(
            "the body is as it was signed, but a signed header field was changed, or the published key \
             is not the one that signed",
            "el cuerpo está como se firmó, pero se modificó un campo firmado de la cabecera, o la \
             clave publicada no es la que firmó"
        ),
    )
    .why(text!(
        "usual causes: a subject tagged by a list or spam filter, From rewritten, a second field of a \
         name that is signed; or a key that was renewed without its DNS record",
        "causas habituales: un asunto marcado por una lista o un filtro de spam, From reescrito, un \
         segundo campo de un nombre firmado; o una clave renovada sin su registro DNS"
    ))
    .command("dkimd testkey")
    .command(format!("dig +short TXT {}", shell_word(&name)))
    .advice(text!(
        "have the message as it arrived examined: dkimd explain FILE",
        "examine el mensaje tal como llegó: dkimd explain ARCHIVO"
    ))
}

fn key_not_found(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "key-not-found",
        name.clone(),
        text!(
            "there is no key at {name}",
            "no hay ninguna clave en {name}"
        ),
    )
    .why(text!(
        "without its public key a signature counts as none; a usual cause is a record at the wrong \
         name, often with the domain written twice",
        "sin su clave pública la firma no cuenta; una causa habitual es un registro con el nombre \
         equivocado, a menudo con el dominio escrito dos veces"
    ))
    .record(format!("{name}. IN TXT \"v=DKIM1; k=rsa; p=...\""))
    .command("dkimd genzone")
    .command(format!("dig +short TXT {}", shell_word(&name)))
}

fn several_keys(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "several-keys",
        name.clone(),
        text!(
            "there are several TXT records at {name}",
            "hay varios registros TXT en {name}"
        ),
    )
    .why(text!(
        "RFC 6376 leaves open which counts: some receivers take the first, some none",
        "la RFC 6376 deja abierto cuál cuenta: unos receptores toman el primero, otros ninguno"
    ))
    .advice(text!(
        "the signing domain removes all but the record of its private key; a second key gets another \
         selector",
        "el dominio que firma borra todos menos el registro de su clave privada; una segunda clave \
         lleva otro selector"
    ))
    .command(format!("dig +short TXT {}", shell_word(&name)))
}

fn dns_failed(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::warn(
        "dns-failed",
        name.clone(),
        text!(
            "DNS gave no answer about the key at {name}, so the signature could not be judged",
            "el DNS no respondió sobre la clave de {name}, así que la firma no se pudo juzgar"
        ),
    )
    .why(text!(
        "either this server's resolver or the domain's name servers are slow or broken; it may work \
         on the next try",
        "o el servidor DNS de este equipo o los del dominio están lentos o rotos; puede que funcione \
         en el próximo intento"
    ))
    .command(format!("dig TXT {}", shell_word(&name)))
    .command("dkimd doctor --only resolver")
}

fn key_record_invalid(facts: &Facts<'_>) -> Finding {
    let (name, detail) = (facts.key_name(), facts.thing("..."));
    Finding::fail(
        "key-record-invalid",
        name.clone(),
        text!(
            "the TXT record at {name} is no key record: {detail}",
            "el registro TXT de {name} no es un registro de clave: {detail}"
        ),
    )
    .why(text!(
        "usual causes: quotes or parentheses of the zone file pasted into a web panel, p= cut at 255 \
         characters, v= not in the first place",
        "causas habituales: comillas o paréntesis del archivo de zona pegados en un panel web, p= \
         cortado a los 255 caracteres, v= fuera del primer lugar"
    ))
    .record(format!("{name}. IN TXT \"v=DKIM1; k=rsa; p=...\""))
    .command("dkimd genzone")
}

fn key_revoked(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "key-revoked",
        name.clone(),
        text!(
            "the key at {name} was revoked (its p= is empty)",
            "la clave de {name} fue revocada (su p= está vacío)"
        ),
    )
    .why(text!(
        "its owner declares every signature made with it void",
        "su dueño declara nulas todas las firmas hechas con ella"
    ))
    .advice(text!(
        "the signer uses a key under a new selector, or publishes the record again",
        "quien firma usa una clave con un selector nuevo, o vuelve a publicar el registro"
    ))
}

fn key_type_mismatch(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "key-type-mismatch",
        name.clone(),
        text!(
            "the key at {name} is of another type (k=) than the signature (a=)",
            "la clave de {name} es de otro tipo (k=) que la firma (a=)"
        ),
    )
    .advice(text!(
        "RSA and Ed25519 keys need one selector each; publish the record of the key that signs",
        "las claves RSA y Ed25519 necesitan un selector cada una; publique el registro de la clave \
         que firma"
    ))
    .command("dkimd genzone")
}

fn key_hash_mismatch(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "key-hash-mismatch",
        name.clone(),
        text!(
            "the key at {name} is not meant for the signature's hash (its h= lists others)",
            "la clave de {name} no está destinada al hash de la firma (su h= enumera otros)"
        ),
    )
    .advice(text!(
        "publish the record with h=sha256, or without h=",
        "publique el registro con h=sha256, o sin h="
    ))
}

fn key_not_for_email(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "key-not-for-email",
        name.clone(),
        text!(
            "the key at {name} is not meant for e-mail (its s= lists other services)",
            "la clave de {name} no está destinada al correo (su s= enumera otros servicios)"
        ),
    )
    .advice(text!(
        "publish the record with s=email or s=*, or without s=",
        "publique el registro con s=email o s=*, o sin s="
    ))
}

fn subdomain_unauthorized(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "subdomain-unauthorized",
        name.clone(),
        text!(
            "the key at {name} (t=s) does not sign for subdomains, but i= names one",
            "la clave de {name} (t=s) no firma por subdominios, pero i= nombra uno"
        ),
    )
    .advice(text!(
        "publish the record without t=s, or sign with the subdomain as d=",
        "publique el registro sin t=s, o firme con el subdominio como d="
    ))
}

fn key_unprotected(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::warn(
        "key-unprotected",
        name.clone(),
        text!(
            "the signature is good, but DNSSEC does not protect the key at {name} (UnprotectedKey)",
            "la firma es válida, pero DNSSEC no protege la clave de {name} (UnprotectedKey)"
        ),
    )
    .why(text!(
        "most domains have no DNSSEC; or this server's resolver does not validate",
        "la mayoría de los dominios no tienen DNSSEC; o el servidor DNS de este equipo no valida"
    ))
    .setting(DEFAULT_FILE, "UnprotectedKey none")
    .command("dkimd doctor --only resolver")
}

fn key_bogus(facts: &Facts<'_>) -> Finding {
    let name = facts.key_name();
    Finding::fail(
        "key-bogus",
        name.clone(),
        text!(
            "DNSSEC says that the key at {name} is forged",
            "DNSSEC dice que la clave de {name} está falsificada"
        ),
    )
    .why(text!(
        "usually the domain's DNSSEC signatures are out of date, or this server's clock is wrong",
        "por lo general las firmas DNSSEC del dominio están caducadas, o el reloj de este equipo va mal"
    ))
    .command(format!("dig +dnssec TXT {}", shell_word(&name)))
    .command("timedatectl")
}
