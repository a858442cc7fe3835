"""Changes of the tags of a signature before it is made."""


def replace(name, value):
    """Another value for a tag; None leaves the tag out."""
    def edit(tags):
        return [(n, value if n == name else v) for n, v in tags if n != name or value is not None]
    return edit


def add(name, value):
    """One more tag before bh=."""
    def edit(tags):
        at = [n for n, _ in tags].index("bh")
        return tags[:at] + [(name, value)] + tags[at:]
    return edit
