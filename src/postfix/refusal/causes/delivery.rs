//! Causes that lie on the way, at the recipient, or in the message.

use super::causes;
use crate::refusal::{Cause, Turn};

causes! {
    in DELIVERY;

    GREYLISTED = "greylisted", Nobody, None;
    "the receiver wants to see that this server tries again (greylisting)",
    "el receptor quiere comprobar que este servidor reintenta (listas grises)";
    "nothing: Postfix tries again in some minutes",
    "nada: Postfix reintenta en unos minutos";

    SPAM = "taken-for-spam", Author, Some("reputation");
    "the receiver takes the message for spam by its content, its links, or the reputation of its \
     domain",
    "el receptor toma el mensaje por spam por su contenido, sus enlaces o la reputación de su \
     dominio";
    "send a plain text message without links to compare; newsletters need one-click unsubscribe \
     (`dkimd doctor --sample FILE --only unsubscribe`)",
    "para comparar, envíe un mensaje de texto sin enlaces; los boletines necesitan la baja con un \
     clic (`dkimd doctor --sample ARCHIVO --only unsubscribe`)";

    MALFORMED = "malformed", Author, Some("self-test");
    "the message breaks RFC 5322: no or several From, Date, Message-ID or Subject fields, or one \
     that can't be read",
    "el mensaje incumple la RFC 5322: faltan o se repiten los campos From, Date, Message-ID o \
     Subject, o alguno no se puede leer";
    "mend the program that writes the message; postconf -e always_add_missing_headers=yes adds \
     Date, From and Message-ID before the signature is made",
    "corrija el programa que escribe el mensaje; postconf -e always_add_missing_headers=yes añade \
     Date, From y Message-ID antes de firmar";

    FROM_FORM = "from-malformed", Author, None;
    "the receiver finds no address, or more than one, in the From field: most often the display name \
     holds a comma and is not in quotation marks, `From: Doe, Jane <jane@example.com>`",
    "el receptor no encuentra ninguna dirección en el campo From, o encuentra más de una: lo más \
     frecuente es que el nombre lleve una coma y no esté entre comillas, `From: García, Ana \
     <ana@example.com>`";
    "have the program that writes the message put the name into quotation marks: `From: \"Doe, Jane\" \
     <jane@example.com>`; `dkimd doctor --sample FILE --only unsubscribe` examines a saved message",
    "haga que el programa que escribe el mensaje ponga el nombre entre comillas: `From: \"García, Ana\" \
     <ana@example.com>`; `dkimd doctor --sample ARCHIVO --only unsubscribe` examina un mensaje guardado";

    DUPLICATE_SIGNATURE = "duplicate-signature", Ours, Some("milter");
    "the relay (Amazon SES) adds a DKIM-Signature of its own and refuses messages that bring more \
     than one",
    "el servidor de salida (Amazon SES) añade su propia DKIM-Signature y rechaza los mensajes que \
     traen más de una";
    "sign with one key alone for this way (no second key in SigningTable), or leave signing to \
     SES: take the filter out of smtpd_milters and non_smtpd_milters",
    "firme con una sola clave para esta vía (sin segunda clave en SigningTable), o deje la firma a \
     SES: quite el filtro de smtpd_milters y non_smtpd_milters";

    NOT_VERIFIED = "relay-unverified-sender", Ours, None;
    "the relay does not know the sender's address or domain as yours",
    "el servidor de salida no tiene verificada como suya la dirección o el dominio del remitente";
    "verify the domain in the account of the relay's provider",
    "verifique el dominio en la cuenta del proveedor del servidor de salida";

    AUTHENTICATION = "authentication", Ours, None;
    "the relay wants a user name and a password, or does not accept these",
    "el servidor de salida exige usuario y contraseña, o no acepta los que recibe";
    "put `[HOST]:587 user:password` into smtp_sasl_password_maps, run postmap on it, set \
     smtp_sasl_auth_enable=yes, install libsasl2-modules; Gmail and Microsoft want an app password",
    "ponga `[HOST]:587 usuario:contraseña` en smtp_sasl_password_maps, ejecute postmap sobre él, \
     fije smtp_sasl_auth_enable=yes e instale libsasl2-modules; Gmail y Microsoft exigen una \
     contraseña de aplicación";

    RELAY_DENIED = "relay-denied", Ours, Some("mx");
    "that server is not responsible for the recipient's domain and does not pass mail on for us",
    "ese servidor no es responsable del dominio del destinatario y no reenvía correo por nosotros";
    "is the domain's MX record right, and does relayhost, transport_maps or /etc/hosts send it \
     astray? A relay wants a login: smtp_sasl_password_maps",
    "¿es correcto el registro MX del dominio, o lo desvían relayhost, transport_maps o \
     /etc/hosts? Un servidor de salida exige credenciales: smtp_sasl_password_maps";

    USER_UNKNOWN = "user-unknown", Author, None;
    "there is no such mailbox",
    "no existe ese buzón";
    "correct the address; strike it off newsletters at once, since unknown recipients spoil the \
     reputation",
    "corrija la dirección; bórrela de inmediato de los boletines, pues los destinatarios \
     desconocidos dañan la reputación";

    MAILBOX_FULL = "mailbox-full", Nobody, None;
    "the recipient's mailbox is full",
    "el buzón del destinatario está lleno";
    "nothing here; the recipient must make room",
    "aquí nada; el destinatario debe liberar espacio";

    MAILBOX_DISABLED = "mailbox-disabled", Author, None;
    "the mailbox exists, but is closed or takes no mail now",
    "el buzón existe, pero está cerrado o ahora no admite correo";
    "reach the recipient by another way",
    "contacte con el destinatario por otro medio";

    TOO_LARGE = "too-large", Author, None;
    "the message is larger than the receiver takes",
    "el mensaje es mayor de lo que admite el receptor";
    "send a link in place of the attachment",
    "envíe un enlace en lugar del adjunto";

    RECIPIENT_RATE = "recipient-rate", Nobody, None;
    "the recipient gets more mail than the receiver lets through at a time",
    "el destinatario recibe más correo del que el receptor deja pasar de una vez";
    "nothing: Postfix tries again",
    "nada: Postfix reintenta";

    HELO = "helo-refused", Ours, Some("hostname");
    "the receiver does not like the name that this server greets with",
    "al receptor no le sirve el nombre con el que saluda este servidor";
    "greet with a full name that has an address: postconf -e myhostname=mail.example.com && \
     postfix reload",
    "salude con un nombre completo que tenga dirección: postconf -e myhostname=mail.example.com && \
     postfix reload";

    SENDER_DOMAIN = "sender-domain", Ours, Some("mx");
    "the domain of the envelope sender does not exist, or has neither MX nor address",
    "el dominio del remitente del sobre no existe, o no tiene ni MX ni dirección";
    "mail of local programs leaves as user@$myorigin: postconf -e myorigin=example.com with a \
     domain that takes mail",
    "el correo de los programas locales sale como usuario@$myorigin: postconf -e \
     myorigin=example.com con un dominio que reciba correo";

    SENDER_NULL_MX = "sender-null-mx", Ours, Some("mx");
    "the sender's domain says by a null MX (RFC 7505) that it takes no mail, so answers could not \
     reach it",
    "el dominio del remitente declara con un MX nulo (RFC 7505) que no admite correo, así que no \
     se le podría responder";
    "send from a domain with a real MX, or publish one",
    "envíe desde un dominio con un MX real, o publique uno";

    NULL_MX = "recipient-null-mx", Author, None;
    "the recipient's domain takes no mail (null MX, RFC 7505)",
    "el dominio del destinatario no admite correo (MX nulo, RFC 7505)";
    "correct the address",
    "corrija la dirección";

    TIMED_OUT = "connection-timeout", Ours, Some("port25");
    "no connection came about. If it is so with every receiver, the provider of this server blocks \
     port 25 on the way out",
    "no se pudo establecer la conexión. Si ocurre con todos los receptores, el proveedor de este \
     servidor bloquea el puerto 25 de salida";
    "`dkimd doctor --only port25` tries several receivers; have the provider open port 25, or send \
     through a relay on port 587",
    "`dkimd doctor --only port25` prueba con varios receptores; pida al proveedor que abra el \
     puerto 25, o envíe por el puerto 587 de un servidor de salida";

    IPV6_UNREACHABLE = "ipv6-unreachable", Ours, Some("addresses");
    "Postfix tried an IPv6 address, and this server has no way to the IPv6 internet",
    "Postfix probó una dirección IPv6, y este servidor no tiene salida a internet por IPv6";
    "harmless where IPv4 follows; to be rid of it: postconf -e inet_protocols=ipv4, then restart \
     Postfix",
    "no es grave si después funciona IPv4; para evitarlo: postconf -e inet_protocols=ipv4 y \
     reinicie Postfix";

    UNREACHABLE = "unreachable", Others, Some("port25");
    "there is no way to the receiver's host, or nobody listens there",
    "no hay ruta hasta el servidor receptor, o nadie escucha allí";
    "if it is one receiver alone, it is theirs to mend, and Postfix tries again; if it is all, look \
     at this server's firewall and route: `dkimd doctor --only port25`",
    "si ocurre con un solo receptor, le toca a él arreglarlo y Postfix reintenta; si ocurre con \
     todos, revise el cortafuegos y la ruta de este servidor: `dkimd doctor --only port25`";

    LOST_CONNECTION = "connection-lost", Nobody, None;
    "the receiver hung up or fell silent in the midst of the talk: overloaded, or it does not want \
     this address",
    "el receptor colgó o dejó de responder a mitad de la conversación: está sobrecargado o no \
     quiere esta dirección";
    "Postfix tries again; if it is always after DATA, look for a path with a smaller MTU or a \
     firewall that meddles with SMTP",
    "Postfix reintenta; si ocurre siempre tras DATA, busque una ruta con una MTU menor o un \
     cortafuegos que interfiera con SMTP";

    DOMAIN_NOT_FOUND = "domain-not-found", Author, None;
    "the recipient's domain does not exist, or has neither MX nor address",
    "el dominio del destinatario no existe, o no tiene ni MX ni dirección";
    "correct the address; if the domain is right, ask its owner",
    "corrija la dirección; si el dominio es correcto, pregunte a su dueño";

    DNS = "dns-failure", Ours, Some("resolver");
    "the name server gave no answer about the recipient's domain",
    "el resolutor no respondió sobre el dominio del destinatario";
    "`dkimd doctor --only resolver` asks the servers of /etc/resolv.conf; a chrooted Postfix reads \
     its own copy: cp /etc/resolv.conf /var/spool/postfix/etc/",
    "`dkimd doctor --only resolver` pregunta a los resolutores de /etc/resolv.conf; un Postfix en \
     chroot lee su propia copia: cp /etc/resolv.conf /var/spool/postfix/etc/";

    TLS_FAILED = "tls-failed", Nobody, Some("tls");
    "the TLS handshake with the receiver failed",
    "falló la negociación TLS con el receptor";
    "with smtp_tls_security_level=may Postfix goes on in clear at the next try; if it is all \
     receivers, look at smtp_tls_protocols, smtp_tls_ciphers and the clock",
    "con smtp_tls_security_level=may Postfix sigue en claro en el siguiente intento; si ocurre con \
     todos los receptores, revise smtp_tls_protocols, smtp_tls_ciphers y el reloj";

    TLS_NOT_OFFERED = "tls-not-offered", Others, Some("tls");
    "this server insists on TLS, and the receiver does not offer it",
    "este servidor exige TLS, y el receptor no lo ofrece";
    "for all receivers `may` is right: postconf -e smtp_tls_security_level=may; insist for single \
     domains in smtp_tls_policy_maps",
    "para el conjunto de receptores lo correcto es `may`: postconf -e smtp_tls_security_level=may; \
     exíjalo para dominios concretos en smtp_tls_policy_maps";

    TLS_NOT_TRUSTED = "tls-not-trusted", Others, Some("tls");
    "this server insists on a certificate that can be verified (verify, secure, dane), and the \
     receiver's can't",
    "este servidor exige un certificado verificable (verify, secure, dane), y el del receptor no \
     lo es";
    "ask the receiver; for all receivers `may` or `dane` is right: smtp_tls_security_level, \
     smtp_tls_policy_maps",
    "pregunte al receptor; para el conjunto de receptores lo correcto es `may` o `dane`: \
     smtp_tls_security_level, smtp_tls_policy_maps";

    LOOP = "loops-back", Ours, Some("mx");
    "the domain's MX points to this server, but Postfix does not hold the domain for its own",
    "el MX del dominio apunta a este servidor, pero Postfix no considera suyo el dominio";
    "name the domain in mydestination, virtual_mailbox_domains, virtual_alias_domains or \
     relay_domains (in one of them alone), or correct the MX",
    "incluya el dominio en mydestination, virtual_mailbox_domains, virtual_alias_domains o \
     relay_domains (solo en uno), o corrija el MX";

    HOPS = "too-many-hops", Ours, Some("mx");
    "the message goes round in circles between servers or forwardings",
    "el mensaje da vueltas entre servidores o reenvíos";
    "look at its Received fields: postcat -q QUEUEID; undo the forwarding that sends it back",
    "mire sus campos Received: postcat -q IDENTIFICADOR; deshaga el reenvío que lo devuelve";

    SMTPUTF8 = "smtputf8", Author, None;
    "an address or header field has letters beyond ASCII, and the receiver can't take that",
    "una dirección o un campo de cabecera tiene letras que no son ASCII, y el receptor no lo admite";
    "write to an address in ASCII; if only header fields are concerned, the program must encode \
     them (RFC 2047), or set smtputf8_autodetect_classes=sendmail, verify",
    "escriba a una dirección en ASCII; si solo afecta a campos de cabecera, el programa debe \
     codificarlos (RFC 2047), o fije smtputf8_autodetect_classes=sendmail, verify";

    FILTER_DOWN = "filter-down", Ours, Some("milter");
    "Postfix could not reach a filter (milter), or the filter hung up, and the mail was put off so \
     that it does not leave unsigned",
    "Postfix no pudo contactar con un filtro (milter), o este colgó, y se aplazó el correo para \
     que no salga sin firmar";
    "`dkimd doctor --only milter` tries the socket as Postfix would; the line before in the log \
     names it: warning: connect to Milter service …",
    "`dkimd doctor --only milter` prueba el socket como lo haría Postfix; la línea anterior del \
     registro lo nombra: warning: connect to Milter service …";

    SIGNING_FAILED = "signing-failed", Ours, Some("configuration");
    "dkimd should have signed and could not; the word in brackets says why",
    "dkimd debía firmar y no pudo; la palabra entre paréntesis dice por qué";
    "`dkimd check` names the table, the key or the mode that is wrong; `dkimd explain \
     AUTHOR@DOMAIN` shows the way to the key",
    "`dkimd check` nombra la tabla, la clave o los permisos que fallan; `dkimd explain \
     AUTOR@DOMINIO` muestra el camino hasta la clave";

    LOCAL_DELIVERY = "local-delivery", Ours, None;
    "the program that puts mail into mailboxes (Dovecot's LMTP, a pipe) can't be reached",
    "no se puede contactar con el programa que deposita el correo en los buzones (LMTP de Dovecot, \
     una tubería)";
    "is it running, and may Postfix open its socket? virtual_transport, mailbox_transport; \
     systemctl status dovecot",
    "¿está en marcha y puede Postfix abrir su socket? virtual_transport, mailbox_transport; \
     systemctl status dovecot";

    TRANSPORT = "transport", Ours, None;
    "a service that this mail needs is missing in master.cf or fails to start",
    "falta en master.cf un servicio que este correo necesita, o no arranca";
    "the log names it: grep -E 'fatal|panic|transport' in the mail log; postfix check",
    "el registro lo nombra: busque fatal, panic o transport en el registro del correo; postfix check";

    STORAGE = "storage", Ours, None;
    "there is too little room on the disk",
    "queda muy poco espacio en el disco";
    "df -h on the side that said it; Postfix wants 1.5 times message_size_limit free",
    "df -h en el lado que lo dijo; Postfix exige libre 1,5 veces message_size_limit";

    BUSY = "receiver-busy", Nobody, None;
    "the receiver is overloaded or has a fault of its own",
    "el receptor está sobrecargado o tiene una avería propia";
    "nothing: Postfix tries again for maximal_queue_lifetime (five days)",
    "nada: Postfix reintenta durante maximal_queue_lifetime (cinco días)";

    CONNECTIONS = "too-many-connections", Ours, None;
    "the receiver takes fewer connections or messages at a time from one server",
    "el receptor admite menos conexiones o mensajes simultáneos desde un mismo servidor";
    "Postfix tries again; for this receiver a transport with a lower \
     default_destination_concurrency_limit helps",
    "Postfix reintenta; para este receptor ayuda un transporte con un \
     default_destination_concurrency_limit menor";

    POLICY = "receiver-policy", Others, None;
    "the receiver refuses by a rule of its own, which it does not name",
    "el receptor rechaza por una norma propia que no nombra";
    "run `dkimd doctor` first; if all is well, ask the receiver's postmaster with the whole reply",
    "ejecute primero `dkimd doctor`; si todo está bien, pregunte al responsable del servidor \
     receptor con la respuesta completa";
}
