-- Options of logging change nothing about the mail, with or without a syslog daemon.
serve(SINGLE .. "Syslog yes\nSyslogSuccess yes\nSyslogFacility local3\nSyslogName other\nLogWhy yes\nLogResults yes\n")
expect_signed(deliver())
expect_unsigned(deliver { from = "ann@example.org" })
