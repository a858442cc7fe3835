-- SoftwareHeader: one more field names the filter and the job.
serve(SINGLE .. "SoftwareHeader yes\n")
local r = deliver()
expect(mt.eom_check(r.conn, MT_HDRINSERT, "DKIM-Filter"), "no DKIM-Filter field")
expect_signed(r)
