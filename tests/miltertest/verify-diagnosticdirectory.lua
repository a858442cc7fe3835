-- DiagnosticDirectory: the fields as signed and as received, in a file named after the job.
os.execute("mkdir " .. WORK .. "/diagnostics")
serve_verifier("DiagnosticDirectory " .. WORK .. "/diagnostics\n")
expect_verified(arrive { by = { "copied" }, job = "copied" }, "dkim=fail")
local text = written(WORK .. "/diagnostics/copied")
expect(text:match("Subject: *another test\n.*\nReceived headers:\n.*Subject: *a test\n"), text)
for _, by in ipairs { "good", "broken" } do
    expect_verified(arrive { by = { by }, job = by }, by == "good" and "dkim=pass" or "dkim=fail")
    expect(not io.open(WORK .. "/diagnostics/" .. by), by .. ": a file without need")
end
