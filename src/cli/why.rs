//! `rhailab why`: why a packet does not arrive in a lab that stands.

use super::Ended;
use super::{completions, fail};
use crate::lab::registry::{LabDir, LabInfo};
use crate::lab::why::{Proof, Trace};
use crate::lab::{Lab, Record, store};
use crate::model::error::{Class, OpResult};
use crate::model::question::Question;
use crate::ops::why::question;
use crate::output::Printing;
use crate::output::style::{Ink, Style};
use crate::output::told;
use crate::sandbox::Terminal;
use crate::session::exec::{inside, namespace, standing};
use crate::session::machine;
use clap::Args;
use serde_json::{Value, json};
use std::io::{Write, stdout};

/// Follow a packet through a lab, and say what stops it
#[derive(Debug, Args)]
#[command(after_help = "\
The exit code is 0 if the packet arrives and its answer comes back, and 1 if not.

  rhailab why web client 10.100.100.100:8080    a TCP connection
  rhailab why web client 10.0.0.53:53/udp       a datagram
  rhailab why web host 10.0.0.2                 a ping")]
pub struct WhyArgs {
    /// The lab
    #[arg(value_name = "LAB", add = completions::labs())]
    lab: String,
    /// The namespace where the packet starts; `host` is the lab's root namespace
    #[arg(value_name = "NAMESPACE", add = completions::namespaces())]
    ns: String,
    /// Where to: ADDRESS:PORT, ADDRESS:PORT/udp, or an address alone for a ping
    #[arg(value_name = "TO")]
    to: String,
    /// Ask for UDP where TO names no protocol
    #[arg(long)]
    udp: bool,
    /// Say nothing; the exit code tells
    #[arg(short, long)]
    quiet: bool,
    /// Print a JSON object (docs/json.md)
    #[arg(long, conflicts_with = "quiet")]
    pub(super) json: bool,
}

/// `why`.
pub fn why(args: &WhyArgs, printing: Printing) -> Ended {
    let (dir, info) = standing(&args.lab)?;
    let question = question(namespace(&args.ns)?, &args.to, args.udp)?;
    let records = store::records(&dir.journal())?;
    let act = || match look(&dir, &info, records, &question, args, printing.stdout()) {
        Ok(code) => code,
        Err(error) => fail(&error.into(), printing),
    };
    Ok(inside(&info, Terminal::Shared, act)?)
}

fn look(
    dir: &LabDir,
    info: &LabInfo,
    records: Vec<Record>,
    question: &Question,
    args: &WhyArgs,
    style: Style,
) -> OpResult<i32> {
    machine::heed_signals()?;
    let kernel = machine::kernel(&info.name, dir, info.mode, true)?;
    let mut lab = Lab::resume(info.name.clone(), kernel, None, records);
    let trace = lab.why(question)?;
    if args.json {
        told(writeln!(stdout(), "{}", as_json(&trace)))?;
    } else if !args.quiet {
        told(writeln!(stdout(), "{}", painted(&trace, style)))?;
    }
    Ok(if trace.is_well() { 0 } else { Class::Recipe.exit_code() })
}

/// The hops as they are, and the verdict in the colour of its outcome.
fn painted(trace: &Trace, style: Style) -> String {
    let (way, verdict) = (trace.way(), trace.verdict());
    let (first, rest) = verdict.split_once('\n').unwrap_or((&verdict, ""));
    let ink = if trace.is_well() { Ink::Made } else { Ink::Undone };
    let rest = if rest.is_empty() { String::new() } else { format!("\n{rest}") };
    format!("{way}{}{rest}", style.paint(ink, first))
}

fn as_json(trace: &Trace) -> Value {
    let hops =
        trace.hops.iter().map(|hop| json!({ "ns": hop.ns, "what": hop.what, "site": hop.site, "back": hop.back }));
    let stop = trace.stop.as_ref().map(|stop| {
        json!({
            "code": stop.code, "ns": stop.ns.to_string(), "reason": stop.reason, "back": stop.back, "site": stop.site,
            "missing": stop.missing, "instead": stop.instead,
        })
    });
    let (proof, why) = match &trace.proof {
        Proof::NotTried => ("not_tried", None),
        Proof::Answered => ("answered", None),
        Proof::Failed(why, _) => ("failed", Some(why)),
    };
    json!({
        "event": "trace", "question": trace.question, "ok": trace.is_well(), "hops": hops.collect::<Vec<_>>(),
        "stop": stop, "probe": proof, "probe_error": why, "unclear": trace.unclear,
    })
}
