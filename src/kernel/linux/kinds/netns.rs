//! Making and deleting namespaces as changes.

use crate::kernel::linux::ours::Ours;
use crate::kernel::linux::real::Real;
use crate::kernel::linux::view::View;
use crate::kernel::linux::{LinuxKernel, netns, unprepared};
use crate::kernel::{ChangeRef, Done, Observed, Undone};
use crate::model::identity::Identity;
use crate::model::netns::AddNetns;

impl Real for AddNetns {
    fn prepare(&self, kernel: &mut LinuxKernel, n: u64) -> Done<Identity> {
        kernel.unnamed.prepare(&kernel.spaces, n, &self.name, &self.sysctls)
    }

    fn apply(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<()> {
        kernel.unnamed.apply(&kernel.spaces, entry.n, &self.name)
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone> {
        let Identity::Netns { cookie } = entry.identity else { return unprepared(entry.change) };
        kernel.netfilter.close(&self.made());
        netns::undo(&kernel.spaces, &self.name, *cookie)
    }

    fn note(&self, ours: &mut Ours, identity: &Identity) {
        if let Identity::Netns { cookie } = identity {
            ours.add_netns(&self.name, *cookie);
        }
    }

    fn forget(&self, ours: &mut Ours) {
        ours.remove_netns(&self.name);
    }

    fn read(&self, _view: &mut View<'_>, _identity: &Identity) -> Done<Vec<Observed>> {
        Ok(vec![if netns::exists(&self.made())? { Observed::Is(String::new()) } else { Observed::Gone }])
    }
}
