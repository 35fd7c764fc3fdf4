//! The reference program has a fixed address, as rhailab has (`build.rs` there says why).

fn main() -> Result<(), std::env::VarError> {
    println!("cargo::rerun-if-changed=build.rs");
    let (profile, env) = (std::env::var("PROFILE")?, std::env::var("CARGO_CFG_TARGET_ENV")?);
    if profile == "release" && env == "gnu" {
        println!("cargo::rustc-link-arg-bins=-no-pie");
    }
    Ok(())
}
