//! What is too much of something, which would make a long example: tokens in, the words of the mistake out.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};

use crate::form;

/// What `#[capsule]` makes of an impl block with these functions.
fn capsule(functions: impl IntoIterator<Item = TokenStream>) -> String {
    let functions = functions.into_iter();
    form::capsule(TokenStream::new(), quote!(impl Many { #(#functions)* })).to_string()
}

fn tool(number: usize, description: &str) -> TokenStream {
    let name = format_ident!("{}{number}", "t".repeat(60));
    quote! {
        #[astrid::tool(description = #description)]
        fn #name(&self) {}
    }
}

#[track_caller]
fn check(written: &str, mistake: Option<&str>) {
    let is_wrong = written.contains("compile_error");
    match mistake {
        Some(mistake) => assert!(is_wrong && written.contains(mistake), "no {mistake:?}"),
        None => assert!(!is_wrong, "a mistake in {written:.2000}"),
    }
}

#[test]
fn sixty_four_tools_fit_and_no_more() {
    let tools = |count| capsule((0..count).map(|number| tool(number, "Does something.")));
    check(&tools(64), None);
    check(&tools(65), Some("at most 64 hooks, tools and commands"));
}

#[test]
fn what_the_component_says_of_itself_fits_into_its_section() {
    let hooks = (0..64).map(|number| {
        let name = format!("{number:0>256}");
        let topic = format!("{number:0>256}");
        quote! {
            #[astrid::hook(#name, topic = #topic, priority = 4_294_967_295, on_error = "continue", mode = "observe")]
            fn hook(&self) {}
        }
    });
    let written = capsule(hooks);
    check(&written, None);
    let (_, rest) = written
        .split_once("static EXPORTS : [u8 ; ")
        .expect("a section");
    let (length, _) = rest.split_once("usize]").expect("its length");
    let length: usize = length.trim().parse().expect("a number");
    assert!((32_000..=64 << 10).contains(&length), "{length}");
}

#[test]
fn a_description_has_16_kib_at_most() {
    check(&capsule([tool(0, &"x".repeat(16 << 10))]), None);
    let long = "x".repeat((16 << 10) + 1);
    let mistake = Some("the description has 16385 bytes, more than 16384");
    check(&capsule([tool(0, &long)]), mistake);
    let argument = quote! {
        #[astrid::tool(description = "Searches.")]
        fn search(&self, #[doc = #long] text: String) {}
    };
    check(&capsule([argument]), mistake);
    let command = quote! {
        #[astrid::command(description = #long)]
        fn status(&self) {}
    };
    check(&capsule([command]), mistake);
}

#[test]
fn all_descriptions_together_have_512_kib_at_most() {
    let text = "x".repeat(16 << 10);
    let tools = |count| capsule((0..count).map(|number| tool(number, &text)));
    check(&tools(32), None);
    check(
        &tools(33),
        Some("the descriptions have more than 524288 bytes"),
    );
}
