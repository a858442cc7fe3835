"""Whether .ci/circles finds what it is for: each test writes a tiny tree and looks at what is said of it."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CIRCLES = Path(__file__).with_name("circles")
PACKAGE = '[package]\nname = "tiny"\n[workspace]\nmembers = ["crates/*"]\n'


def look(files):
    """The end and the words of .ci/circles over a workspace of these files."""
    with tempfile.TemporaryDirectory() as directory:
        for name, text in {"Cargo.toml": PACKAGE, **files}.items():
            path = Path(directory, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, CIRCLES, directory], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class Circles(unittest.TestCase):
    def free(self, files):
        self.assertEqual(look(files), (0, "1 crates, no circle\n"))

    def circle(self, files, *lines):
        code, said = look(files)
        self.assertEqual(code, 1, said)
        for line in lines:
            self.assertIn(line, said)

    def test_modules_in_an_order_pass(self):
        self.free({"src/lib.rs": "mod one; mod two;", "src/one.rs": "use crate::two::B;", "src/two.rs": "pub struct B;"})

    def test_two_files_are_named_with_what_each_takes(self):
        self.circle(
            {
                "src/lib.rs": "mod one; mod two;",
                "src/one.rs": "use crate::two::{\n    B,\n    deep::{self, C as D},\n};\npub struct A;",
                "src/two.rs": "fn f(a: &super::one::A) {}",
            },
            "tiny: modules in a circle: one, two",
            "  src/one.rs -> src/two.rs: B, deep",
            "  src/two.rs -> src/one.rs: A",
        )

    def test_three_directories_are_a_circle_though_no_two_files_are(self):
        self.circle(
            {
                "src/lib.rs": "mod one; mod two; mod three;",
                "src/one/mod.rs": "mod x; mod y;",
                "src/one/x.rs": "use crate::two::B;",
                "src/one/y.rs": "pub struct A;",
                "src/two/mod.rs": "pub struct B; fn f() -> crate::three::C {}",
                "src/three.rs": "use crate::one::y::A;",
            },
            "modules in a circle: one, three, two",
            "src/three.rs -> src/one/y.rs: A",
        )

    def test_siblings_far_below_are_looked_at(self):
        self.circle(
            {
                "src/lib.rs": "mod top;",
                "src/top/mod.rs": "mod one; mod two;",
                "src/top/one.rs": "use super::two;",
                "src/top/two.rs": "use super::one;",
            },
            "modules in a circle: top::one, top::two",
        )

    def test_a_name_is_followed_through_the_parent_that_hands_it_on(self):
        self.circle(
            {
                "src/lib.rs": "mod one; mod two; pub use one::A; pub use two::*;",
                "src/one.rs": "pub struct A; use super::B;",
                "src/two.rs": "pub struct B; fn f() -> crate::A {}",
            },
            "src/one.rs -> src/two.rs: B",
            "src/two.rs -> src/one.rs: A",
        )

    def test_modules_within_a_file_are_modules(self):
        self.circle(
            {"src/lib.rs": "mod one { pub fn a() { super::two::b() } } mod two { pub fn b() { super::one::a() } }"},
            "modules in a circle: one, two",
        )

    def test_a_parent_and_its_children_know_each_other(self):
        self.free(
            {
                "src/lib.rs": "mod one; pub struct Unit; pub use one::A;",
                "src/one/mod.rs": "mod x; pub use x::A; pub struct B;",
                "src/one/x.rs": "use super::B; use crate::Unit; pub struct A;",
            }
        )

    def test_tests_comments_and_strings_do_not_count(self):
        self.free(
            {
                "src/lib.rs": "mod one; mod two;",
                "src/one.rs": "use crate::two::B; // a 'quote and a \"\npub struct A<'a>(&'a str);",
                "src/two.rs": '''
                    // crate::one::A
                    /* crate::one::A */
                    const S: &str = "\\" crate::one::A";
                    const R: &str = r#" " crate::one::A"#;
                    const Q: char = '"';
                    pub struct B { #[cfg(test)] a: crate::one::A, b: u8 }
                    #[cfg(test)]
                    use crate::one::{A};
                    #[cfg(test)]
                    mod tests;
                    #[cfg(test)]
                    mod more { use crate::one::A; }
                ''',
                "src/two/tests.rs": "use crate::one::A;",
            }
        )

    def test_taking_everything_from_a_parent_is_refused(self):
        self.circle({"src/lib.rs": "mod one;", "src/one.rs": "use super::*;"}, "src/one.rs: `use")

    def test_imports_that_lead_nowhere_end_nothing(self):
        self.free(
            {
                "src/lib.rs": "mod one; use other::deep as other; use other::a;",
                "src/one.rs": "use super::a::b; use self::c::d as e; use self::e::f as c; fn f() { e::g(); c::h() }",
            }
        )

    def test_each_crate_of_the_workspace_is_looked_at(self):
        self.circle(
            {
                "src/lib.rs": "",
                "crates/low/Cargo.toml": '[package]\nname = "low"\n[lib]\npath = "lib.rs"\n',
                "crates/low/lib.rs": "mod one; mod two;",
                "crates/low/one.rs": "use crate::two;",
                "crates/low/two.rs": "use crate::one;",
            },
            "low: modules in a circle: one, two",
        )


if __name__ == "__main__":
    unittest.main()
