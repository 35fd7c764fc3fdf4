//! Policies of built-in chains.

use crate::kernel::linux::netfilter::{Backend, BuiltIn};
use crate::kernel::linux::real::Real;
use crate::kernel::linux::view::View;
use crate::kernel::linux::{LinuxKernel, unprepared};
use crate::kernel::{ChangeRef, Done, Observed, Undone};
use crate::model::identity::Identity;
use crate::model::kinds::policy::{SetPolicy, before};

impl Real for SetPolicy {
    fn prepare(&self, kernel: &mut LinuxKernel, _n: u64) -> Done<Identity> {
        let backend = kernel.netfilter.backend(&kernel.spaces)?;
        let was = kernel.netfilter.policy(&kernel.spaces, chain(self, backend))?;
        let is_so = was == self.policy.as_str();
        Ok(if is_so { Identity::Already } else { Identity::WasText(format!("{was} {}", backend.as_str())) })
    }

    fn apply(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<()> {
        let backend = match before(entry.identity) {
            Some((_, backend)) => Backend::parse(backend),
            // One that is put in place again.
            None => Some(kernel.netfilter.backend(&kernel.spaces)?),
        };
        let Some(backend) = backend else { return unprepared(entry.change) };
        kernel.netfilter.set_policy(&kernel.spaces, chain(self, backend), self.policy.as_str())
    }

    fn undo(&self, kernel: &mut LinuxKernel, entry: ChangeRef<'_>) -> Done<Undone> {
        let was = before(entry.identity).and_then(|(was, backend)| Some((was, Backend::parse(backend)?)));
        let Some((was, backend)) = was else { return unprepared(entry.change) };
        // Another namespace of that name has chains of its own.
        if kernel.undo_in(&self.ns, || Ok(Undone::Yes))? == Undone::AlreadyGone {
            return Ok(Undone::AlreadyGone);
        }
        let chain = chain(self, backend);
        let now = kernel.netfilter.policy(&kernel.spaces, chain)?;
        if now == was.as_str() {
            return Ok(Undone::AlreadyGone);
        }
        if now != self.policy.as_str() {
            return Ok(Undone::NotOurs(format!("the policy of `{}` is {now} now", self.chain.as_str())));
        }
        kernel.netfilter.set_policy(&kernel.spaces, chain, was.as_str())?;
        Ok(Undone::Yes)
    }

    fn read(&self, view: &mut View<'_>, identity: &Identity) -> Done<Vec<Observed>> {
        let kernel = &mut *view.kernel;
        let known = before(identity).and_then(|(_, backend)| Backend::parse(backend));
        let backend = known.map_or_else(|| kernel.netfilter.backend(&kernel.spaces), Ok)?;
        Ok(vec![Observed::Is(kernel.netfilter.policy(&kernel.spaces, chain(self, backend))?)])
    }
}

fn chain(policy: &SetPolicy, backend: Backend) -> BuiltIn<'_> {
    let SetPolicy { ns, family, table, chain, .. } = policy;
    BuiltIn { ns, family: *family, backend, table: *table, chain: *chain }
}
