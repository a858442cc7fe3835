-- Options that are read and change no verdict.
serve_verifier("DomainKeysCompat yes\nDNSConnect yes\nResolverTracing yes\nQuarantine yes\nDNSTimeout 2\nDiagnostics yes\n")
expect_verified(arrive("good"), "dkim=pass")
expect_verified(arrive("broken"), 'dkim=fail reason="signature verification failed"')
local r = arrive("broken")
expect_held(r, false)
expect_verified(arrive {})
