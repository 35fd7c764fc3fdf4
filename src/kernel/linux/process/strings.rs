//! Text as execve(2) takes it, made before the fork because a child may not allocate.

use crate::kernel::{Done, Refusal, Why};
use crate::model::secret::Text;
use nix::errno::Errno;
use nix::libc::c_char;
use std::collections::BTreeMap;
use std::env;
use std::ffi::{CStr, CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Text with a NUL at its end; refuses text that holds one.
pub fn c_string(text: impl Into<OsString>) -> Done<CString> {
    CString::new(text.into().into_vec()).map_err(|e| Refusal {
        words: "it contains a NUL byte".into(),
        ..Refusal::errno(format!("use {:?}", String::from_utf8_lossy(&e.into_vec())), Errno::EINVAL as i32)
    })
}

/// A null-terminated array of strings.
pub struct Strings {
    // The pointers point into these, whose heap buffers do not move with the vector.
    owned: Vec<CString>,
    pointers: Vec<*const c_char>,
}

impl Strings {
    /// An array of these.
    pub fn new(owned: Vec<CString>) -> Strings {
        let pointers = owned.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
        Strings { owned, pointers }
    }

    /// The array, alive as long as `self`.
    pub fn as_ptr(&self) -> *const *const c_char {
        self.pointers.as_ptr()
    }

    /// The strings.
    pub fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.owned.iter().map(CString::as_c_str)
    }
}

/// Our environment with `more` added.
pub fn environment(more: &[(String, Text)]) -> Done<BTreeMap<OsString, OsString>> {
    let mut env: BTreeMap<_, _> = env::vars_os().collect();
    for (key, value) in more {
        env.insert(key.into(), reveal(value)?.into());
    }
    Ok(env)
}

/// The text that a program gets.
pub fn reveal(text: &Text) -> Done<&str> {
    text.reveal().map_err(|secret| Refusal::new(Why::Protocol, format!("use {secret}"), "its value is not known"))
}

/// An environment as `KEY=VALUE` strings.
pub fn env_strings(env: &BTreeMap<OsString, OsString>) -> Done<Strings> {
    let join = |(key, value): (&OsString, &OsString)| {
        let mut text = key.clone();
        text.push("=");
        text.push(value);
        // The value may be a secret.
        c_string(text)
            .map_err(|refusal| Refusal { request: format!("use the variable {:?}", key.to_string_lossy()), ..refusal })
    };
    Ok(Strings::new(env.iter().map(join).collect::<Done<_>>()?))
}

/// Where a program may be: itself if it names a path, else in each folder of `PATH`, as execvp(3) looks for it.
pub fn candidates(program: &str, path: Option<&OsStr>) -> Done<Strings> {
    let files = if program.contains('/') {
        vec![c_string(program)?]
    } else {
        // What execvp(3) of glibc takes where there is no PATH. An empty part would mean the working folder, where a
        // recipe should not pick up programs by accident.
        env::split_paths(path.unwrap_or(OsStr::from_bytes(b"/bin:/usr/bin")))
            .filter(|dir| !dir.as_os_str().is_empty() && !program.is_empty())
            .map(|dir| c_string(dir.join(program)))
            .collect::<Done<_>>()?
    };
    Ok(Strings::new(files))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn listed(program: &str, path: &str) -> Vec<String> {
        let found = candidates(program, Some(OsStr::new(path))).unwrap();
        found.iter().map(|file| file.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_program_is_looked_for_in_path_unless_it_names_one() {
        assert_eq!(listed("ip", "/sbin::/bin"), ["/sbin/ip", "/bin/ip"]);
        assert_eq!(listed("./ip", "/sbin"), ["./ip"]);
        assert!(listed("", "/sbin").is_empty());
    }

    #[test]
    fn a_nul_is_refused_and_named() {
        assert_eq!(
            c_string("a\0b").unwrap_err().to_string(),
            "use \"a\\0b\": Invalid argument (it contains a NUL byte)"
        );
    }

    #[test]
    fn the_value_of_a_variable_that_is_refused_is_not_shown() {
        let env = environment(&[("A".into(), "s3cret\0".into())]).unwrap();
        let refusal = env_strings(&env).err().map(|refusal| refusal.to_string()).unwrap_or_default();
        assert!(refusal.contains("use the variable \"A\"") && !refusal.contains("s3cret"), "{refusal}");
    }

    #[test]
    fn an_added_variable_wins() {
        let env = environment(&[("PATH".into(), "/x".into())]).unwrap();
        assert_eq!(env.get(OsStr::new("PATH")), Some(&OsString::from("/x")));
        let found = env_strings(&env).unwrap().iter().any(|entry| entry == c"PATH=/x");
        assert!(found);
    }
}
