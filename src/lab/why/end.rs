//! How the walk of a packet ends early.

use super::Stop;
use super::packet::Packet;
use super::segment::Place;
use crate::kernel::Refusal;
use crate::model::names::Ns;

/// Where packets of more than some size vanish.
#[derive(Debug, Clone)]
pub struct Hole {
    /// The largest that pass.
    pub size: u32,
    /// The interface that is too narrow.
    pub at: Place,
    /// The MTU that it should have.
    pub wanted: u32,
    /// Who keeps the sender from being told, if it is a rule.
    pub silenced: Option<super::Blame>,
}

/// Why a walk ends early.
pub enum End {
    /// Something stops the packet.
    Stopped(Box<Stop>),
    /// It goes where nothing can be seen.
    Unseen,
    /// The kernel cannot be asked.
    Failed(Refusal),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> End {
        End::Failed(refusal)
    }
}

/// A stop without more to say of it yet.
pub fn stop_at(code: &'static str, ns: &Ns, packet: &Packet, reason: String) -> Stop {
    Stop { back: packet.answers, ..Stop::new(code, ns, reason) }
}

pub fn stopped(stop: Stop) -> End {
    End::Stopped(Box::new(stop))
}
