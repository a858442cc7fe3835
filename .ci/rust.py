"""What the scripts beside this one read of Rust's source: crates, modules, and the names that one takes of another.

Test code is nobody's business here: what stands below #[cfg(test)], and the files that such a `mod` brings in.
"""

import re
import tomllib
from pathlib import Path

_DULL = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
    |b?r(?P<hashes>\#*)".*?"(?P=hashes)      # raw strings
    |[bc]?"(?:\\.|[^"\\])*"
    |b?'(?:\\(?:u\{[^}]*\}|x..|.)|[^\\'])'   # characters; a lifetime has no second quote""",
    re.VERBOSE | re.DOTALL,
)
_TEST = re.compile(r"#\[cfg\((?:test|all\(test\b.*?\))\)\]")
_USE = re.compile(r"\buse\s+([^;]+);")
_MOD = re.compile(r"\bmod\s+(\w+)\s*([;{])")
_ITEM = re.compile(r"\b(?:fn|struct|enum|trait|type|const|static|union|macro_rules!)\s+(\w+)")
_PATH = re.compile(r"(?<![\w:.])\w+(?:\s*::\s*\w+)+")


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def masked(text, strings=True):
    """The text with blanks for comments (and strings), each octet at its place."""
    return _DULL.sub(lambda m: _blank(m[0]) if strings or m["comment"] else m[0], text)


def _closing(code, at):
    """Where the bracket at `at` closes."""
    depth = 0
    for found in re.compile(r"[{}()\[\]]").finditer(code, at):
        depth += 1 if found[0] in "{([" else -1
        if depth == 0:
            return found.end()
    return len(code)


def _item_end(code, at):
    """Where the item (or field, or statement) that begins at `at` ends; its attributes belong to it."""
    is_use = re.compile(r"\s*(?:pub(?:\([^)]*\))?\s+)?use\b").match(code, at)
    while at < len(code):
        letter = code[at]
        if letter in ";," or (letter == "}" and not is_use):
            return at + (letter != "}")
        if letter in "([{":
            at = _closing(code, at)
            if letter == "{" and not is_use:
                return at
        else:
            at += 1
    return at


def test_spans(code):
    """Where test code stands in masked text."""
    spans = []
    for found in _TEST.finditer(code):
        if not spans or found.start() >= spans[-1][1]:
            spans.append((found.start(), _item_end(code, found.end())))
    return spans


def without(text, spans):
    """The text with blanks in place of spans."""
    for start, end in spans:
        text = text[:start] + _blank(text[start:end]) + text[end:]
    return text


def _expand(tree, before=()):
    """The paths that a `use` tree names: (segments, the name that each has here)."""
    tree = tree.strip()
    brace = tree.find("{")
    if brace < 0:
        path, _, alias = tree.partition(" as ")
        segments = before + tuple(re.findall(r"\w+|\*", path))
        if segments[-1:] == ("self",) and before:
            segments = segments[:-1]
        if segments:
            yield segments, alias.strip() or segments[-1]
        return
    before += tuple(re.findall(r"\w+", tree[:brace]))
    depth, start = 0, brace + 1
    for at in range(brace, len(tree)):
        depth += {"{": 1, "}": -1}.get(tree[at], 0)
        if depth == 0 or (depth == 1 and tree[at] == ","):
            if tree[start:at].strip():
                yield from _expand(tree[start:at], before)
            start = at + 1
        if depth == 0:
            return


class Module:
    """One module: its file, what it imports and what it defines."""

    def __init__(self, file, code):
        self.file = file
        self.imports = [path for found in _USE.finditer(code) for path in _expand(found[1])]
        self.names = {name: path for path, name in self.imports if name not in ("*", "_")}
        self.globs = [path[:-1] for path, name in self.imports if name == "*"]
        body = _USE.sub(lambda found: _blank(found[0]), code)
        self.items = set(_ITEM.findall(body))
        self.paths = [tuple(re.findall(r"\w+", found[0])) for found in _PATH.finditer(body)]


class Crate:
    """A crate of the workspace: its modules by their paths, without tests."""

    def __init__(self, directory):
        self.directory = directory
        self.manifest = tomllib.loads((directory / "Cargo.toml").read_text())
        self.name = self.manifest["package"]["name"]
        self.modules = {}
        roots = [directory / self.manifest.get("lib", {}).get("path", "src/lib.rs")]
        roots += [directory / program["path"] for program in self.manifest.get("bin", []) if "path" in program]
        root = next((root for root in [*roots, directory / "src/main.rs"] if root.exists()), None)
        if root is None:
            raise SystemExit(f"{directory}/Cargo.toml: no lib.rs and no main.rs is found")
        self._load((), root, root.parent, None)

    def _load(self, path, file, below, code):
        if code is None:
            code = masked(file.read_text())
            code = without(code, test_spans(code))
        inner = []
        for found in _MOD.finditer(code):
            if any(start <= found.start() < end for start, end in inner):
                continue
            child = (*path, found[1])
            if found[2] == "{":
                end = _closing(code, found.end() - 1)
                inner.append((found.start(), end))
                self._load(child, file, below / found[1], code[found.end() : end - 1])
                continue
            for candidate in (below / f"{found[1]}.rs", below / found[1] / "mod.rs"):
                if candidate.exists():
                    self._load(child, candidate, below / found[1], None)
        self.modules[path] = Module(file, without(code, inner))

    def files(self):
        """The files of the crate, without those of tests."""
        return sorted({module.file for module in self.modules.values()})

    def resolve(self, at, path, seen=()):
        """Where a path leads from the module `at`, through re-exports: the module, and the name in it (or "").

        `None` for what is another crate's, or of the module itself.
        """
        # Imports that name each other lead nowhere, however long the path gets.
        if (at, path) in seen or len(seen) > 50:
            return None
        seen = (*seen, (at, path))
        here, rest = at, list(path)
        first = True
        while rest:
            segment = rest[0]
            if segment in ("crate", "self", "super"):
                here = {"crate": (), "self": here, "super": here[:-1]}[segment]
            elif (*here, segment) in self.modules:
                here = (*here, segment)
            elif segment in self.modules[here].names:
                # An import without `crate` and the like is of this module's children or of another crate.
                target = self.modules[here].names[segment]
                if target[0] == segment:
                    return None
                return self.resolve(here, (*target, *rest[1:]), seen)
            else:
                for glob in self.modules[here].globs:
                    source = self.resolve(here, glob, seen)
                    if source is not None and source[0] != here and self._offers(source[0], segment):
                        return self.resolve(source[0], tuple(rest), seen) or (source[0], segment)
                return None if first else (here, segment)
            rest.pop(0)
            first = False
        return here, ""

    def _offers(self, path, name):
        module = self.modules[path]
        return (*path, name) in self.modules or name in module.names or name in module.items or bool(module.globs)

    def uses(self):
        """Each (module, module that it takes from, the name): imports, and paths in the code."""
        for at, module in self.modules.items():
            for path in [path for path, _ in module.imports] + module.paths:
                found = self.resolve(at, tuple(segment for segment in path if segment != "*"))
                if found is not None:
                    target, name = found
                    yield at, target, name or target[-1:] and target[-1]


def workspace(root):
    """Every crate of the workspace, or of the package, whose Cargo.toml lies in `root`."""
    root = Path(root).resolve()
    manifest = tomllib.loads((root / "Cargo.toml").read_text())
    directories = [root] if "package" in manifest else []
    for member in manifest.get("workspace", {}).get("members", []):
        directories += sorted(path.parent for path in root.glob(f"{member}/Cargo.toml"))
    return [Crate(directory) for directory in dict.fromkeys(directories)]
