//! Causes that lie in how this server, its address and its domains show themselves.

use super::causes;
use crate::refusal::{Cause, Turn};

causes! {
    in SENDER;

    REVERSE_NAME = "reverse-name", Ours, Some("reverse");
    "the address that the mail leaves from has no reverse name (PTR), or that name does not lead \
     back to the address",
    "la dirección desde la que sale el correo no tiene nombre inverso (PTR), o ese nombre no \
     vuelve a la dirección";
    "have the provider of the address set its PTR record to the name of this server, and give that \
     name an A or AAAA record with this address; `dkimd doctor --only reverse` names both",
    "pida al proveedor de la dirección que ponga en el registro PTR el nombre de este servidor, y \
     dé a ese nombre un registro A o AAAA con esta dirección; `dkimd doctor --only reverse` los \
     muestra";

    IPV6_RULES = "ipv6-rules", Ours, Some("reverse");
    "the mail left over IPv6, and that address has no reverse name (PTR), or neither SPF nor DKIM \
     passed for it",
    "el correo salió por IPv6, y esa dirección no tiene nombre inverso (PTR), o ni SPF ni DKIM \
     resultaron válidos para ella";
    "give the IPv6 address a PTR record and add it to the SPF record as ip6:; or send over IPv4 \
     alone: postconf -e inet_protocols=ipv4, then restart Postfix",
    "dé a la dirección IPv6 un registro PTR y añádala al registro SPF como ip6:; o envíe solo por \
     IPv4: postconf -e inet_protocols=ipv4 y reinicie Postfix";

    SPF = "spf-failed", Ours, Some("spf");
    "the domain's SPF record does not allow the address that the mail came from",
    "el registro SPF del dominio no autoriza la dirección desde la que llegó el correo";
    "add the address to the SPF record of the sender's domain; `dkimd doctor --only spf` prints \
     the whole record",
    "añada la dirección al registro SPF del dominio del remitente; `dkimd doctor --only spf` \
     muestra el registro completo";

    SPF_RECORD = "spf-record", Ours, Some("spf");
    "the receiver finds the domain's SPF record faulty or suspicious",
    "el receptor considera defectuoso o sospechoso el registro SPF del dominio";
    "mend the SPF record: one record, at most ten lookups, no +all; `dkimd doctor --only spf` \
     says what is wrong",
    "corrija el registro SPF: un solo registro, diez consultas como máximo, sin +all; `dkimd \
     doctor --only spf` dice qué falla";

    UNAUTHENTICATED = "unauthenticated", Ours, Some("self-test");
    "neither SPF nor DKIM passed: the mail went out unsigned or with a broken signature, and the \
     address is not in the SPF record",
    "ni SPF ni DKIM resultaron válidos: el correo salió sin firma o con la firma rota, y la \
     dirección no está en el registro SPF";
    "run `dkimd doctor --only self-test,dkim,spf`; it shows which of the two fails, and why",
    "ejecute `dkimd doctor --only self-test,dkim,spf`; muestra cuál de los dos falla y por qué";

    DMARC = "dmarc-refused", Ours, Some("dmarc");
    "the policy of the From domain (DMARC) has unauthenticated mail refused: neither SPF nor DKIM \
     passed for that very domain",
    "la política del dominio del From (DMARC) hace rechazar el correo sin autenticar: ni SPF ni \
     DKIM resultaron válidos para ese mismo dominio";
    "sign with a key of the From domain: see `dkimd explain AUTHOR@DOMAIN`; forwarded mail passes \
     only where its signature stays whole",
    "firme con una clave del dominio del From: vea `dkimd explain AUTOR@DOMINIO`; el correo \
     reenviado solo pasa si su firma sigue intacta";

    DKIM = "dkim-failed", Ours, Some("dkim");
    "no DKIM signature passed that the receiver accepts",
    "no hubo ninguna firma DKIM válida que el receptor acepte";
    "run `dkimd doctor --only self-test,dkim`: is the mail signed, and does the published key fit \
     the private one?",
    "ejecute `dkimd doctor --only self-test,dkim`: ¿se firma el correo y corresponde la clave \
     publicada a la privada?";

    ALIGNMENT = "alignment", Ours, Some("dmarc");
    "SPF or DKIM passed, but for another domain than the one in From",
    "SPF o DKIM resultaron válidos, pero para un dominio distinto del que figura en From";
    "sign with d= of the From domain (KeyTable, SigningTable): see `dkimd explain AUTHOR@DOMAIN`",
    "firme con d= del dominio del From (KeyTable, SigningTable): vea `dkimd explain AUTOR@DOMINIO`";

    AUTHENTICATION_LEVEL = "authentication-level", Ours, Some("dmarc");
    "Microsoft demands all three of large senders: SPF passes, DKIM passes, and DMARC passes with \
     a published record; at least one of them is missing",
    "Microsoft exige las tres cosas a los grandes remitentes: SPF válido, DKIM válido y DMARC \
     válido con registro publicado; falta al menos una";
    "the end of the reply names which (Spf=, Dkim=, DMARC=); `dkimd doctor --only spf,dkim,dmarc` \
     prints the missing record",
    "el final de la respuesta dice cuál (Spf=, Dkim=, DMARC=); `dkimd doctor --only \
     spf,dkim,dmarc` muestra el registro que falta";

    SEVERAL_CHECKS = "several-checks", Ours, Some("dmarc");
    "several checks of the sender failed together (SPF, DKIM, DMARC)",
    "fallaron a la vez varias comprobaciones del remitente (SPF, DKIM, DMARC)";
    "run `dkimd doctor`: its first finding is the cause",
    "ejecute `dkimd doctor`: lo primero que muestra es la causa";

    ARC = "arc-failed", Others, None;
    "the chain of ARC seals of a forwarded message is broken",
    "la cadena de sellos ARC de un mensaje reenviado está rota";
    "ask whoever forwards the message; mail sent directly is not concerned",
    "pregunte a quien reenvía el mensaje; el correo enviado directamente no se ve afectado";

    NO_TLS = "no-tls", Ours, Some("tls");
    "the mail was sent in clear, and the receiver wants TLS",
    "el correo se envió en claro, y el receptor exige TLS";
    "postconf -e smtp_tls_security_level=may && postfix reload",
    "postconf -e smtp_tls_security_level=may && postfix reload";

    SENDING_RATE = "sending-rate", Ours, Some("reputation");
    "the receiver sees unusually much mail, or too much spam, from this address or domain, and \
     slows it down",
    "el receptor ve una cantidad inusual de correo, o demasiado spam, desde esta dirección o este \
     dominio, y la frena";
    "look for a hacked account or web form in the log; send less at a time, grow slowly; Postfix \
     tries again by itself. Google Postmaster Tools shows the spam rate",
    "busque en el registro del correo una cuenta o un formulario web comprometidos; envíe menos de una vez y \
     aumente poco a poco; Postfix reintenta por sí mismo. Google Postmaster Tools muestra la tasa \
     de spam";

    REPUTATION = "reputation", Others, Some("block-lists");
    "the receiver has had bad experiences with this address or its neighbours, or has never seen \
     mail from it",
    "el receptor ha tenido malas experiencias con esta dirección o sus vecinas, o nunca ha visto \
     correo suyo";
    "make sure that SPF, DKIM, DMARC and the reverse name are right (`dkimd doctor`), send little \
     and steadily for some weeks; the page named in the reply takes requests",
    "asegúrese de que SPF, DKIM, DMARC y el nombre inverso estén bien (`dkimd doctor`), envíe poco \
     y con regularidad durante unas semanas; la página que nombra la respuesta admite solicitudes";

    YAHOO_DEFERRED = "yahoo-deferred", Nobody, Some("reputation");
    "Yahoo puts mail from this address off for some hours: complaints of its users, a sudden \
     volume, or an address that it doesn't know yet",
    "Yahoo aplaza unas horas el correo de esta dirección: quejas de sus usuarios, un volumen \
     repentino o una dirección que aún no conoce";
    "Postfix tries again; if it goes on for two days, look for spam leaving this server, then \
     write through https://senders.yahooinc.com/contact",
    "Postfix reintenta; si dura más de dos días, busque spam que salga de este servidor y escriba \
     después en https://senders.yahooinc.com/contact";

    YAHOO_REFUSED = "yahoo-refused", Others, Some("reputation");
    "Yahoo refuses all mail from this address; trying again does not help",
    "Yahoo rechaza todo el correo de esta dirección; reintentar no sirve";
    "stop what causes complaints, then ask at https://senders.yahooinc.com/contact",
    "elimine lo que causa quejas y solicite después el desbloqueo en \
     https://senders.yahooinc.com/contact";

    MICROSOFT_BLOCKED = "microsoft-blocked", Others, Some("reputation");
    "Microsoft has this address, or the whole network around it, on a block list of its own",
    "Microsoft tiene esta dirección, o toda la red que la rodea, en su propia lista de bloqueo";
    "ask for removal at https://olcsupport.office.com (Outlook.com, Hotmail: S3140, S3150) or \
     https://sender.office.com (Microsoft 365: banned sending IP), with the whole reply; join SNDS \
     and JMRP",
    "solicite la retirada en https://olcsupport.office.com (Outlook.com, Hotmail: S3140, S3150) o \
     en https://sender.office.com (Microsoft 365: banned sending IP), con la respuesta completa; \
     inscríbase en SNDS y JMRP";

    MICROSOFT_BUSY = "microsoft-slowed", Nobody, Some("reputation");
    "Microsoft slows mail from this address down, as it does with addresses that are new or that \
     sent spam",
    "Microsoft frena el correo de esta dirección, como hace con las que son nuevas o han enviado \
     spam";
    "Postfix tries again; send little at a time for some weeks",
    "Postfix reintenta; envíe poco de una vez durante unas semanas";

    APPLE_POLICY = "apple-policy", Ours, Some("self-test");
    "iCloud refuses the message by a rule that it does not name: content, links, reputation, or \
     missing SPF, DKIM or DMARC",
    "iCloud rechaza el mensaje por una regla que no nombra: contenido, enlaces, reputación, o falta \
     de SPF, DKIM o DMARC";
    "run `dkimd doctor`; if all is well write to icloudadmin@apple.com with the whole reply; \
     rules: https://support.apple.com/en-us/102322",
    "ejecute `dkimd doctor`; si todo está bien, escriba a icloudadmin@apple.com con la respuesta \
     completa; normas: https://support.apple.com/es-es/102322";

    PROOFPOINT = "proofpoint-blocked", Others, Some("block-lists");
    "the address is on Proofpoint's list, which the receiver uses",
    "la dirección figura en la lista de Proofpoint, que usa el receptor";
    "ask for removal at https://ipcheck.proofpoint.com",
    "solicite la retirada en https://ipcheck.proofpoint.com";

    T_ONLINE = "t-online-unknown", Others, Some("reverse");
    "T-Online takes mail only from servers that it knows: the reverse name must look like a mail \
     server's, and its domain must have a web page with an address of the operator",
    "T-Online solo admite correo de servidores que conoce: el nombre inverso debe parecer el de un \
     servidor de correo, y su dominio debe tener una página web con los datos del responsable";
    "write to tosa@rx.t-online.de with the address and the name of this server",
    "escriba a tosa@rx.t-online.de con la dirección y el nombre de este servidor";

    LISTED = "block-listed", Ours, Some("block-lists");
    "the address or a domain in the message is on a block list that the receiver uses",
    "la dirección o un dominio del mensaje figura en una lista de bloqueo que usa el receptor";
    "`dkimd doctor --only block-lists` shows which, and where to ask for removal; find the spam \
     that led to it first",
    "`dkimd doctor --only block-lists` muestra cuál y dónde solicitar la retirada; antes, \
     encuentre el spam que la causó";

    POLICY_LISTED = "policy-listed", Ours, Some("block-lists");
    "the address is on a list of addresses that should not send mail directly (Spamhaus PBL): it \
     accuses nobody, it says that this is a home or dynamic address",
    "la dirección está en una lista de direcciones que no deberían enviar correo directamente \
     (Spamhaus PBL): no acusa a nadie, dice que es una dirección doméstica o dinámica";
    "with a fixed address of your own take it out at https://check.spamhaus.org; otherwise send \
     through your provider: postconf -e relayhost='[smtp.provider.example]:587'",
    "si es una dirección fija y suya, retírela en https://check.spamhaus.org; si no, envíe a \
     través de su proveedor: postconf -e relayhost='[smtp.proveedor.example]:587'";

    LIST_MISUSED = "receiver-misuses-list", Others, None;
    "the receiver asks a block list through a resolver that the list does not answer, and takes \
     the error for a listing; nothing is wrong here",
    "el receptor pregunta a una lista de bloqueo a través de un resolutor al que la lista no \
     responde, y toma el error por una inclusión; aquí no hay nada mal";
    "tell the receiver's postmaster by another way; the link in the reply explains it",
    "avise por otro medio al responsable del servidor receptor; el enlace de la respuesta lo \
     explica";
}
