//! The catalogue of translations, as the compiler sees it.
//!
//! English stands in the code; every other language in `po/`, in the format of gettext. [`text!`](macro@text)
//! looks its English up while it is compiled. What has no translation, is marked fuzzy, or lacks a
//! placeholder in one of the languages stops the build: nobody is told half a sentence.

#![warn(clippy::unwrap_used)]

mod po;

use proc_macro::TokenStream;
use quote::quote;
use syn::{LitStr, parse_macro_input};

/// A text in every language from its English format string, which takes the variables around it.
#[proc_macro]
pub fn text(input: TokenStream) -> TokenStream {
    let english = parse_macro_input!(input as LitStr);
    match po::spanish(&english.value()) {
        Ok(spanish) => {
            // Where the English stands, so that the variables around it are in sight.
            let spanish = LitStr::new(spanish, english.span());
            quote! {
                ::dkimd_advice::text::Text::format(
                    ::core::format_args!(#english),
                    ::core::format_args!(#spanish),
                )
            }
            .into()
        }
        Err(why) => syn::Error::new(english.span(), why)
            .into_compile_error()
            .into(),
    }
}

/// All texts without placeholders in English and Spanish, sorted: for those that come from data.
#[proc_macro]
pub fn translations(_: TokenStream) -> TokenStream {
    match po::all() {
        Ok(all) => {
            let pairs = all
                .iter()
                .filter(|(english, _)| !english.contains(['{', '}']))
                .map(|(english, spanish)| quote!((#english, #spanish)));
            quote!(&[#(#pairs),*]).into()
        }
        Err(why) => quote!(::core::compile_error!(#why)).into(),
    }
}
