"""What the tests share to drive a DKIM milter and to judge what it does."""
