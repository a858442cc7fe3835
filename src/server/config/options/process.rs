//! Options about the process, its socket and its log.

use super::OptionSpec as O;

pub(super) const OPTIONS: &[O] = &[
    O::string("Socket", "", "Where the MTA connects: local:PATH, unix:PATH, inet:PORT@HOST, inet6:PORT@HOST, fd:N, or Postfix's inet:HOST:PORT.").at_start(),
    O::data_set("MilterPeers", "", "The addresses and networks that may connect to a TCP socket; of all others the connection is closed before anything is read. localhost stands for 127.0.0.0/8 and ::1; other names are no entries. An entry with ! in front excludes; of several networks the smallest counts. Without it everybody who reaches the socket is served, and can have any mail signed by calling it local. Unix sockets are not concerned. An option of dkimd's own: OpenDKIM refuses to start with it."),
    O::string("PidFile", "", "The file that receives the process id.").at_start(),
    O::string("UserID", "", "The user, or USER:GROUP, that the program becomes after start.").at_start(),
    O::integer("UMask", "", "The mask of permissions for files and the socket; write it with a leading 0, as 007, for it to be read as octal.").at_start(),
    O::bool("Background", "yes", "Detach from the terminal.").at_start(),
    O::bool("AutoRestart", "no", "Start again after a crash. Left aside under a service manager that sets NOTIFY_SOCKET, which does that itself: write Restart=on-failure in the unit.").at_start(),
    O::integer("AutoRestartCount", "0", "How often at most. 0: no limit.").at_start(),
    O::string("AutoRestartRate", "", "How fast at most, as N/TIME with s, m, h or d after TIME.").at_start(),
    O::string("BaseDirectory", "", "The directory that relative paths start from, those of Include excepted."),
    O::string("ChangeRootDirectory", "", "The directory that becomes the root of the file system after start.").at_start(),
    O::bool("EnableCoredumps", "no", "Let a crash leave a memory image.").at_start(),
    O::string("Include", "", "A file read in place of this line, relative to the working directory."),
    O::bool("Syslog", "no", "Write the log to syslog."),
    O::bool("SyslogSuccess", "no", "Log every successful signature."),
    O::string("SyslogFacility", "mail", "The facility: auth, cron, daemon, kern, lpr, mail, news, security, syslog, user, uucp, local0 to local7."),
    O::string("SyslogName", "", "The name in front of log lines, by default the program's."),
    O::bool("LogWhy", "no", "Log why each message was signed, verified or left alone."),
    O::bool("LogResults", "no", "Log the result of every signature in one line."),
    O::bool("StrictTestMode", "no", "Require CRLF line ends of test messages.").at_start(),
    O::integer("MilterDebug", "0", "The debug level of the milter library.").at_start().historic("the milter library it spoke to is not used"),
    O::bool("DisableCryptoInit", "no", "Leave the cryptographic library alone at start.").historic("nothing is left to switch off"),
];
