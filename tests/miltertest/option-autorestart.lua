-- AutoRestart: mail is signed under a supervisor too.
serve(SINGLE .. "AutoRestart yes\nAutoRestartRate 10/1h\n")
expect_signed(deliver())
