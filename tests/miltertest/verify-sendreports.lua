-- SendReports, ReportAddress, ReportBccAddress, MTACommand: a report to who asks for it. opendkim asks DNS alone what
-- a domain wants, and so can't be tried here.
if not IS_OPENDKIM then
    local command = file("sendmail", '#!/bin/sh\necho "$@" > ' .. WORK .. "/words\ncat > " .. WORK .. "/new\nmv " .. WORK .. "/new " .. WORK .. "/report\n")
    os.execute("chmod 755 " .. command)
    local how = "MTACommand " .. command .. "\nReportAddress Reports <reports@mx.example.com>\nReportBccAddress archive@mx.example.com\n"
    serve_verifier(how .. "SendReports yes\n")
    -- Nobody asks for these.
    expect_verified(arrive("good"), "dkim=pass")
    expect_verified(arrive("broken"), "dkim=fail")
    expect_verified(arrive { by = { "reported" }, job = "reported" }, "dkim=fail")
    local report = written(WORK .. "/report")
    for _, wanted in ipairs {
        "From: Reports <reports@mx.example.com>", "To: dkim-errors@example.com", "Bcc: archive@mx.example.com",
        "Feedback-Type: auth-failure", "Auth-Failure: bodyhash", "DKIM-Domain: example.com", "DKIM-Selector: mail",
    } do
        expect(report:find(wanted, 1, true), wanted .. " is not in\n" .. report)
    end
    expect(written(WORK .. "/words") == "-t -freports@mx.example.com\n", "other words")
    -- The domain's text stands in front of a refusal's.
    serve_verifier(how .. "SendReports yes\nOn-BadSignature reject\n")
    expect_refused_with(arrive("reported"), "reject", "7.20", "Ask postmaster: bad DKIM signature data")
    -- Off by default.
    os.execute("sleep 0.5; rm -f " .. WORK .. "/report")
    serve_verifier(how)
    expect_verified(arrive("reported"), "dkim=fail")
    mt.sleep(0.5)
    expect(not io.open(WORK .. "/report"), "a report that nobody wanted")
end
