//! Why a packet does not arrive: one is followed hop by hop, by asking the kernel what each namespace would do with it,
//! and the first thing that stops it is named, with the line of the recipe that made it and the line that is missing.
//!
//! Then a real packet is sent: what was found out must agree with what it meets.

mod advice;
mod end;
mod nat;
pub mod packet;
mod rules;
mod segment;
mod show;
pub mod tables;
mod walk;

use super::{Lab, Made, explain, stop::stopped};
use crate::kernel::{Refusal, Why};
use crate::model::error::{OpError, OpResult, Site};
use crate::model::names::Ns;
use crate::model::observe::Probe;
use crate::model::question::{Carried, Question};
use end::End;
use segment::Place;
use std::net::IpAddr;
use std::time::Duration;
use tables::Blame;
use walk::Walk;

/// How long the real packet may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// A packet's way, and what stops it.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// What was asked, in words.
    pub question: String,
    /// What it met, in order.
    pub hops: Vec<Hop>,
    /// What stops it; none if it arrives and the answer comes back.
    pub stop: Option<Stop>,
    /// What the real packet met.
    pub proof: Proof,
    /// Rules whose conditions could not be told, as `iptables -S` shows them.
    pub unclear: Vec<String>,
    /// Whom it was passed on to: by an interface, to an address on its link.
    asked: Vec<(Place, IpAddr)>,
}

/// Something that a packet met.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    /// The namespace.
    pub ns: String,
    /// What happened there.
    pub what: String,
    /// The recipe line that made it so.
    pub site: Option<Site>,
    /// Whether it is the answer that met it.
    pub back: bool,
}

/// What stops a packet.
#[derive(Debug, Clone, PartialEq)]
pub struct Stop {
    /// A stable name, such as `no_route`.
    pub code: &'static str,
    /// The namespace where it happens.
    pub ns: Ns,
    /// Why, as the end of a sentence that began with where.
    pub reason: String,
    /// The recipe line that made it so; none if what is missing was never there.
    pub site: Option<Site>,
    /// The line that is missing.
    pub missing: Option<String>,
    /// Whether that line is to take the place of the one at `site`.
    pub instead: bool,
    /// Whether it is the answer that is stopped.
    pub back: bool,
    /// The rule or policy that did it.
    pub blame: Option<Blame>,
}

/// What a real packet met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Proof {
    /// None was sent.
    #[default]
    NotTried,
    /// It was answered.
    Answered,
    /// It was not, and this is what the kernel said. With the counter of the rule to blame before and after.
    Failed(String, Option<(u64, u64)>),
}

impl Stop {
    /// A stop on the way there of which no more is known.
    pub fn new(code: &'static str, ns: &Ns, reason: String) -> Stop {
        let ns = ns.clone();
        Stop { code, ns, reason, site: None, missing: None, instead: false, back: false, blame: None }
    }
}

impl Trace {
    /// Whether packets arrive and answers come back, as far as that can be told.
    pub fn is_well(&self) -> bool {
        self.stop.is_none() && !matches!(self.proof, Proof::Failed(..))
    }
}

impl Lab {
    /// Follows a packet, and sends a real one. In a rehearsal everything arrives.
    pub fn why(&mut self, question: &Question) -> OpResult<Trace> {
        self.settle()?;
        let mut trace = self.follow(question)?;
        if self.is_rehearsal() {
            return Ok(trace);
        }
        trace.proof = match self.kernel.probe(&question.from, &probe(question)) {
            Ok(_) => Proof::Answered,
            Err(Refusal { why: Why::Interrupted, .. }) => return Err(stopped()),
            Err(refusal) => Proof::Failed(crate::model::explain::reason(&refusal), self.recount(&trace, question)),
        };
        if let (None, Proof::Failed(..)) = (&trace.stop, &trace.proof) {
            trace.stop = self.silent_neighbour(&trace)?;
        }
        // A way that a real packet goes is no dead end, whatever it looked like. (What stops large packets lets small
        // ones pass.)
        if trace.proof == Proof::Answered && trace.stop.as_ref().is_some_and(|stop| stop.code != "mtu") {
            let stop = trace.stop.take();
            trace.hops.extend(stop.map(|stop| Hop {
                ns: stop.ns.to_string(),
                what: format!("it looked as if this would stop it: {}; but it did not", stop.reason),
                site: stop.site,
                back: stop.back,
            }));
        }
        Ok(trace)
    }

    /// Adds to an error about a packet that was not answered what stops it, if that can be told.
    pub fn explain_silence(&mut self, error: &mut OpError) {
        let Some(question) = error.0.asked.take() else { return };
        // Whatever fails here, the error that led here is what counts.
        let Some(stop) = self.follow(&question).ok().and_then(|trace| trace.stop) else { return };
        let mut help = show::sentence(&stop.to_string());
        match (&stop.missing, error.0.help.take()) {
            (Some(line), _) => {
                let label = if stop.instead { "Instead" } else { "Missing" };
                help.push_str(&format!(" {label}: `{line}`"));
            }
            (None, Some(general)) => help.push_str(&format!(" {general}")),
            (None, None) => {}
        }
        if stop.code == "listener" && !stop.instead && question.carried == Carried::Tcp {
            help.push_str(" A server that takes its time to start can be waited for: `server.wait_tcp(port)`.");
        }
        error.0.help = Some(help);
        error.0.notes.extend(stop.site.map(|site| (site, format!("what stops it, in `{}`", stop.ns))));
    }

    fn follow(&mut self, question: &Question) -> OpResult<Trace> {
        let Some(facts) = self.kernel.packet_facts() else {
            return Ok(Trace { question: question.to_string(), ..Trace::default() });
        };
        let refused = |refusal: Refusal| explain::plain(&refusal, &question.from);
        let mut walk = Walk::new(facts, &self.made).map_err(refused)?;
        let end = walk.go(question);
        let mut trace = Trace {
            question: question.to_string(),
            hops: walk.hops,
            unclear: walk.unclear,
            asked: walk.asked,
            ..Trace::default()
        };
        match end {
            // Where nothing can be seen, the real packet has to tell.
            Ok(()) | Err(End::Unseen) => {}
            Err(End::Stopped(stop)) => trace.stop = Some(*stop),
            Err(End::Failed(refusal)) => return Err(refused(refusal)),
        }
        trace.unclear.sort();
        trace.unclear.dedup();
        Ok(trace)
    }

    /// Where a real packet was not passed on, because nobody answered for the address of the next hop.
    fn silent_neighbour(&mut self, trace: &Trace) -> OpResult<Option<Stop>> {
        let Some(facts) = self.kernel.packet_facts() else { return Ok(None) };
        for ((ns, dev), ip) in &trace.asked {
            if facts.is_silent(ns, *dev, *ip).map_err(|refusal| explain::plain(&refusal, ns))? {
                let reason = format!("nobody answers for the address {ip} on the link, although it is there");
                return Ok(Some(Stop::new("neighbour", ns, reason)));
            }
        }
        Ok(None)
    }

    /// The counter of the rule that is to blame, before and after the real packet.
    fn recount(&mut self, trace: &Trace, question: &Question) -> Option<(u64, u64)> {
        let stop = trace.stop.as_ref()?;
        let blame = stop.blame.as_ref()?;
        let saved = self.kernel.packet_facts()?.rules(&stop.ns, question.to.is_ipv6()).ok()?;
        let now = saved.iter().find_map(|saved| tables::count(saved, blame))?;
        Some((blame.packets, now))
    }
}

fn probe(question: &Question) -> Probe {
    match question.carried {
        Carried::Tcp => Probe::Tcp { to: question.to, timeout: PATIENCE },
        Carried::Udp => Probe::Udp { to: question.to, payload: String::new(), timeout: PATIENCE },
        Carried::Echo => Probe::Ping { to: question.to.ip(), count: 1, timeout: PATIENCE },
    }
}

/// The line of the change that made something, the last one first; changes are looked at in the names of now.
fn maker(made: &Made, is_it: impl Fn(&crate::model::change::Change) -> bool) -> Option<Site> {
    made.records().rev().find(|record| is_it(&made.present(record).change)).map(|record| record.site.clone())
}

#[cfg(test)]
mod tests;
