//! Embeds the migrations and, with the feature `embed-page`, the page that Trunk has built.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    #[cfg(feature = "embed-page")]
    embed_page();
}

#[cfg(feature = "embed-page")]
fn embed_page() {
    let page = std::path::Path::new("../dist");
    if page.join("index.html").is_file() {
        memory_serve::load_directory_with_embed(page, true);
    } else {
        println!("cargo::rerun-if-changed=../dist");
        println!(
            "cargo::error=the feature embed-page needs the built page in dist/: type `cargo xtask run`, which builds both"
        );
    }
}
