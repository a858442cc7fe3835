//! Any octets: a tag list or an error, and spans that lie inside.
#![no_main]

use dkim_core::tag_list::TagList;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(list) = TagList::parse(octets) {
        for tag in list.iter() {
            assert!(octets.get(tag.span.clone()).is_some());
        }
    }
});
