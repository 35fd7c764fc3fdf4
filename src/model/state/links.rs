//! Which interface a name means, and where each is.

use super::{Home, Key, LINK, LinkAt, LinkId, NAME, PLACE, State, attribute};
use crate::model::names::IfName;

impl State {
    pub(super) fn next_id(&mut self) -> LinkId {
        // Index 1 is that of `lo`.
        self.last = self.last.max(1) + 1;
        self.last
    }

    pub(super) fn put_link(&mut self, id: LinkId, at: LinkAt) {
        self.names.insert((at.0.clone(), Some(at.1.clone())), id);
        self.links.insert(id, at);
    }

    pub(super) fn forget_link(&mut self, id: LinkId) {
        let Some((ns, name)) = self.links.remove(&id) else { return };
        let at = (ns, Some(name));
        if self.names.get(&at) == Some(&id) {
            self.names.remove(&at);
        }
    }

    /// The interface of that name, which is somebody else's if no change has made it.
    pub(super) fn resolve(&mut self, at: &LinkAt, links: &mut Vec<(LinkAt, LinkId)>) -> LinkId {
        if let Some((_, id)) = links.iter().find(|(then, _)| then == at) {
            return *id;
        }
        let known = self.id(&at.0, &at.1);
        let id = known.unwrap_or_else(|| self.next_id());
        if known.is_none() {
            self.put_link(id, at.clone());
        }
        links.push((at.clone(), id));
        id
    }

    /// Puts an interface where its last rename or move has led, and says whether it is in another namespace than before.
    pub(super) fn settle_place(&mut self, key: &Key) -> bool {
        let (NAME | PLACE, Home::Link(id)) = (key.what, &key.home) else { return false };
        // An interface that is gone has no place: undoing its rename must not bring it back.
        let Some(was_in) = self.links.get(id).map(|(ns, _)| ns.clone()) else { return false };
        let Some(origin) = self.origin(*id) else { return false };
        let name =
            self.counting(&attribute(*id, NAME)).and_then(|held| IfName::new(&held.value).ok()).unwrap_or(origin.1);
        let ns = self.counting(&attribute(*id, PLACE)).and_then(|held| held.value.parse().ok()).unwrap_or(origin.0);
        let has_moved = was_in != ns;
        self.forget_link(*id);
        self.put_link(*id, (ns, name));
        has_moved
    }

    /// Where an interface was at first: where the oldest change that speaks of it found or made it.
    pub(super) fn origin(&self, id: LinkId) -> Option<LinkAt> {
        let first =
            [LINK, NAME, PLACE].iter().filter_map(|what| Some(self.values(&attribute(id, what)).first()?.n)).min();
        let oldest = first.and_then(|n| self.links_of(n).iter().find(|(_, other)| *other == id));
        oldest.map(|(at, _)| at).or_else(|| self.links.get(&id)).cloned()
    }
}
