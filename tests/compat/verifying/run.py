#!/usr/bin/python3
"""Makes the messages and has the other verifiers judge them.

Usage: run.py plain DIRECTORY            writes the plain messages to be signed by dkimd into DIRECTORY/ours
       run.py judge DIRECTORY TESTDATA   writes messages/NAME.eml, keys.txt and verdicts.tsv (name, what was done,
                                         RFC's verdict, its reason, opendkim, dkimpy, Mail::DKIM)
"""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent))

from compat.verifying import foreign, judges, messages, world


def main(step, directory, testdata=None):
    """Runs one step."""
    directory = pathlib.Path(directory)
    if step == "plain":
        (directory / "ours").mkdir(parents=True, exist_ok=True)
        foreign.plain_files(directory / "ours")
        return
    started = time.monotonic()
    (directory / "messages").mkdir()
    (directory / "work").mkdir()
    place = world.World(directory / "work", testdata)
    keys = place.publish(directory / "keys.txt")
    made = messages.all_messages(place, foreign.dkimd(directory / "ours"))
    files = {}
    for name, (fields, body, *_) in made.items():
        files[name] = directory / "messages" / f"{name}.eml"
        files[name].write_bytes(judges.rendered(fields, body))
    print(f"{len(made)} messages in {time.monotonic() - started:.0f} s", flush=True)
    plain = {name: (fields, body) for name, (fields, body, *_) in made.items()}
    by_opendkim = judges.opendkim(plain, keys, directory / "work")
    by_dkimpy = judges.dkimpy(plain, {n.lower(): t for n, t in place.records.items()})
    by_mail_dkim = judges.mail_dkim(files.values(), keys)
    with open(directory / "verdicts.tsv", "w", encoding="utf-8") as out:
        for name, (_, _, what, verdict, reason) in made.items():
            row = [name, what, verdict, reason] + [
                " + ".join(by.get(name) or ["nothing"]).replace("\t", " ").replace("\n", " ") for by in (by_opendkim, by_dkimpy, by_mail_dkim)]
            out.write("\t".join(row) + "\n")
    print(f"judged after {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
