"""Mail that comes in, under every option about verification: the program under test beside Debian's opendkim."""
