//! What several labs on one machine share: the sysctls that they set, with what was there before the first, which the
//! last one out puts back; and the subnets that were chosen for them.
//!
//! One file for each sysctl, in a folder that is locked (flock(2)) while one is set, counted or put back. So two labs
//! never see it half done, and one that was killed in between finds what it needs to finish.

use super::boot::boot_id;
use crate::kernel::{Cause, Done, Refusal, Why, free_subnet};
use crate::model::names::LabName;
use ipnet::IpNet;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::libc;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file in a lab's folder with the subnets that were chosen for it, one per line.
const SUBNETS: &str = "subnets";

/// The file in a lab's folder with what it has done.
pub const JOURNAL: &str = "journal.jsonl";

/// Where the labs of a machine are counted.
#[derive(Debug, Clone)]
pub struct Ledger {
    dir: PathBuf,
    labs: PathBuf,
    lab: LabName,
}

/// The ledger while it is locked.
#[derive(Debug)]
pub struct Locked<'a> {
    ledger: &'a Ledger,
    _lock: Flock<File>,
}

/// What is on record about one sysctl.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SysctlRecord {
    /// The boot it belongs to.
    boot_id: String,
    /// Its value before the first lab set it.
    pub first: String,
    /// The value that the labs gave it.
    pub value: String,
    /// Other sysctls that change with it, and their values before.
    #[serde(default)]
    pub along: Vec<(String, String)>,
    /// How often each lab has set it.
    labs: BTreeMap<LabName, u32>,
}

impl Ledger {
    /// The ledger in `dir`, a folder that only we can write to, as `lab` sees it. `labs` has a folder for every lab there is.
    pub fn new(dir: PathBuf, labs: PathBuf, lab: LabName) -> Ledger {
        Ledger { dir, labs, lab }
    }

    /// Locks it, for as long as the answer lives.
    pub fn lock(&self) -> Done<Locked<'_>> {
        let of_ours = |refusal: Refusal| refusal.because(Cause::Ledger);
        let refuse = |verb: &str, e: &std::io::Error| of_ours(Refusal::io(format!("{verb} {}", self.dir.display()), e));
        let open = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_DIRECTORY).open(&self.dir);
        let dir = open.map_err(|e| refuse("open", &e))?;
        let lock = Flock::lock(dir, FlockArg::LockExclusive)
            .map_err(|(_, e)| of_ours(Refusal::errno(format!("lock {}", self.dir.display()), e as i32)))?;
        Ok(Locked { ledger: self, _lock: lock })
    }
}

impl Locked<'_> {
    /// What is on record about a sysctl of the network namespace with this cookie; nothing of labs that are gone.
    pub fn entry(&self, netns: u64, path: &Path) -> Done<Option<SysctlRecord>> {
        let entry = self.read(&self.file(netns, path)).map_err(|refusal| refusal.because(Cause::Ledger))?;
        Ok(entry.filter(|entry| entry.boot_id == boot_id() && !entry.labs.is_empty()))
    }

    fn read(&self, file: &Path) -> Done<Option<SysctlRecord>> {
        let text = match fs::read(file) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            text => text.map_err(|e| Refusal::io(format!("read {}", file.display()), &e))?,
        };
        let entry = serde_json::from_slice::<SysctlRecord>(&text);
        let mut entry = entry.map_err(|e| Refusal::new(Why::Protocol, file.display().to_string(), e.to_string()))?;
        // A lab without a journal is gone as well: nobody knows what it would put back.
        entry.labs.retain(|lab, _| self.ledger.labs.join(lab.as_str()).join(JOURNAL).exists());
        Ok(Some(entry))
    }

    /// Writes what is on record; nothing is left where no lab is.
    pub fn write(&self, netns: u64, path: &Path, entry: &SysctlRecord) -> Done<()> {
        let file = self.file(netns, path);
        let done = if entry.labs.is_empty() {
            fs::remove_file(&file)
        } else {
            let new = file.with_extension("new");
            let text = serde_json::to_vec(entry).unwrap_or_default();
            fs::write(&new, text).and_then(|()| fs::rename(&new, &file))
        };
        match done {
            Err(e) if entry.labs.is_empty() && e.kind() == ErrorKind::NotFound => Ok(()),
            done => done.map_err(|e| Refusal::io(format!("write {}", file.display()), &e).because(Cause::Ledger)),
        }
    }

    /// The sysctls of the network namespace with this cookie that are on record for labs which are all gone: their files under `/proc/sys`, with the labs' value and the one from before.
    pub fn orphans(&self, netns: u64) -> Done<Vec<(PathBuf, SysctlRecord)>> {
        let dir = &self.ledger.dir;
        let entries = fs::read_dir(dir).map_err(|e| Refusal::io(format!("read {}", dir.display()), &e))?;
        let mut orphans = Vec::new();
        for file in entries.flatten().map(|entry| entry.path()) {
            let name = file.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".json"));
            let Some((number, key)) = name.and_then(|name| name.split_once("%2f")) else { continue };
            let path = PathBuf::from(format!("/{key}").replace("%2f", "/").replace("%25", "%"));
            if number == netns.to_string() {
                let entry = self.read(&file)?.filter(|entry| entry.boot_id == boot_id() && entry.labs.is_empty());
                orphans.extend(entry.map(|entry| (path, entry)));
            }
        }
        Ok(orphans)
    }

    /// Chooses a subnet that overlaps none of those `taken` and none that a lab has chosen before, and puts it down in the
    /// lab's folder, with which it goes.
    pub fn reserve(&self, pool: IpNet, prefix: u8, taken: &[IpNet]) -> Done<Option<IpNet>> {
        let labs = &self.ledger.labs;
        let entries = fs::read_dir(labs).map_err(|e| Refusal::io(format!("read {}", labs.display()), &e))?;
        let mut all = taken.to_vec();
        for folder in entries.flatten() {
            all.extend(subnets(&folder.path().join(SUBNETS))?);
        }
        let Some(net) = free_subnet(pool, prefix, &all) else { return Ok(None) };
        let file = labs.join(self.ledger.lab.as_str()).join(SUBNETS);
        let write = || {
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&file)?;
            file.write_all(format!("{net}\n").as_bytes())
        };
        write().map_err(|e| Refusal::io(format!("write {}", file.display()), &e))?;
        Ok(Some(net))
    }

    /// The lab whose ledger it is, in an entry's count.
    pub fn me(&self) -> &LabName {
        &self.ledger.lab
    }

    fn file(&self, netns: u64, path: &Path) -> PathBuf {
        let key = path.to_string_lossy().replace('%', "%25").replace('/', "%2f");
        self.ledger.dir.join(format!("{netns}{key}.json"))
    }
}

/// The subnets in a file; none where there is no file.
fn subnets(file: &Path) -> Done<Vec<IpNet>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().filter_map(|line| line.parse().ok()).collect()),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(e) => Err(Refusal::io(format!("read {}", file.display()), &e)),
    }
}

impl SysctlRecord {
    /// The first entry for a sysctl that has this value now, and those that change with it theirs.
    pub fn new(first: &str, along: Vec<(String, String)>) -> SysctlRecord {
        let (first, value) = (first.to_owned(), String::new());
        SysctlRecord { boot_id: boot_id(), first, value, along, labs: BTreeMap::new() }
    }

    /// The labs that have set it besides `me`.
    pub fn others(&self, me: &LabName) -> Vec<&LabName> {
        self.labs.keys().filter(|lab| *lab != me).collect()
    }

    /// How often `me` has set it.
    pub fn count(&self, me: &LabName) -> u32 {
        self.labs.get(me).copied().unwrap_or(0)
    }

    /// Counts `me` in, with the value that it gives.
    pub fn join(&mut self, me: &LabName, value: &str) {
        value.clone_into(&mut self.value);
        *self.labs.entry(me.clone()).or_default() += 1;
    }

    /// Counts `me` out, once.
    pub fn leave(&mut self, me: &LabName) {
        match self.labs.get_mut(me) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                self.labs.remove(me);
            }
        }
    }

    /// The refusal of another value than other labs need.
    pub fn conflict(&self, me: &LabName, key: &str) -> Option<Refusal> {
        let others: Vec<String> = self.others(me).into_iter().map(|lab| format!("`{lab}`")).collect();
        if others.is_empty() {
            return None;
        }
        let words = format!("{} set it to {}", others.join(" and "), self.value);
        let refusal = Refusal::new(Why::Errno(Errno::EBUSY as i32), format!("write {key}"), words);
        Some(refusal.because(Cause::Held))
    }
}
