"""Thousands of good and broken messages, judged by opendkim, dkimpy and Mail::DKIM."""
