"""What the tests share to drive a DKIM milter and to judge what it does.

Whoever runs them may have another umask, language or time zone: what they make and read does not depend on it.
"""

import os

os.umask(0o022)
for _name in [name for name in os.environ if name in ("LANG", "LANGUAGE") or name.startswith("LC_")]:
    del os.environ[_name]
os.environ.update(LC_ALL="C.UTF-8", TZ="UTC")
