-- SendReports, ReportAddress, ReportBccAddress, MTACommand: a report to who asks for it. The report of opendkim lacks
-- the empty line between its header and its parts.
local command = file("sendmail", '#!/bin/sh\necho "$@" > ' .. WORK .. "/words\ncat > " .. WORK .. "/new\nmv " .. WORK .. "/new " .. WORK .. "/report\n")
os.execute("chmod 755 " .. command)
local how = DNS .. "MTACommand " .. command .. "\nReportAddress Reports <reports@mx.example.com>\nReportBccAddress archive@mx.example.com\n"
serve(how .. "SendReports yes\n")
-- Nobody asks for these.
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive("broken"), "dkim=fail")
mt.sleep(0.3)
expect(not io.open(WORK .. "/report"), "a report that nobody asked for")
expect_verified(arrive { by = { "reported" }, job = "reported" }, "dkim=fail")
local report = written(WORK .. "/report")
for _, wanted in ipairs {
    "From: Reports <reports@mx.example.com>", "To: dkim-errors@example.com", "Bcc: archive@mx.example.com",
    "Feedback-Type: auth-failure", "Auth-Failure: bodyhash", "DKIM-Domain: example.com", "DKIM-Selector: mail",
} do
    expect(report:find(wanted, 1, true), wanted .. " is not in\n" .. report)
end
expect(report:find("\n\n--", 1, true) or report:find("\r\n\r\n--", 1, true) or IS_OPENDKIM, "no empty line before the first part")
local words = written(WORK .. "/words")
expect(words == "-t -freports@mx.example.com\n", words)
-- The domain's text stands in front of a refusal's.
serve(how .. "SendReports yes\nOn-BadSignature reject\n")
expect_refused_with(arrive("reported"), "reject", "7.20", "Ask postmaster: bad DKIM signature data")
-- Off by default.
mt.sleep(0.3)
os.remove(WORK .. "/report")
serve(how)
expect_verified(arrive("reported"), "dkim=fail")
mt.sleep(0.3)
expect(not io.open(WORK .. "/report"), "a report that nobody wanted")
