-- LogResults, SyslogSuccess: what is told of arriving mail; the mail's results stay as they are.
serve_verifier("Syslog yes\nSyslogName verify-logging\nSyslogSuccess yes\nLogResults yes\n")
expect_verified(arrive { by = { "broken", "good" }, job = "logged" }, "dkim=fail", "dkim=pass")
expect_verified(arrive { by = { "absent" }, job = "absent" }, "dkim=fail")
expect_verified(arrive { by = { "broken" }, job = "broken" }, "dkim=fail")
file("expected-log", "logged: DKIM verification successful\n"
    .. ' domain=example.com selector=mail result="signature verification failed"\n'
    .. ' domain=example.com selector=mail result="no signature error"\n'
    .. ' domain=example.com selector=absent result="key not found in DNS"\n'
    .. "absent: key retrieval failed\nbroken: bad signature data\n")
