//! One measured up and down, in a sandbox.

use crate::measure::{self, Cost, milliseconds};
use crate::tool::{self, Paths, Plan, Tool};
use crate::{sandbox, verify};
use rhailab_bench::lab::Lab;
use rhailab_bench::netlink::Socket;
use rhailab_bench::{Context as _, Result};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use std::time::Instant;

/// Builds a lab with a tool, checks it, removes it, checks that nothing is left, and returns what was measured.
/// Moves this process into a sandbox first.
pub fn run(tool: Tool, lab: Lab, paths: &Paths) -> Result<Value> {
    let disk = paths.scratch.join("lib");
    fs::create_dir_all(&disk).context(disk.display())?;
    sandbox::enter(&disk)?;
    sandbox::settle()?;
    let plan = tool::plan(tool, lab, paths)?;
    let before = verify::state()?;
    let stderr = Path::new("/run/bench/stderr");
    let mut row = json!({ "tool": tool.word(), "lab": lab.kind(), "n": lab.size() });

    let (up, first) = up(tool, lab, &plan, stderr).context("up")?;
    row["up_ms"] = json!(up.wall);
    row["up_cpu_ms"] = json!(up.cpu);
    row["up_peak_mib"] = json!(up.peak);
    if let Some(first) = first {
        row["first_ms"] = json!(first);
    }
    let since = Instant::now();
    if let Some(argv) = &plan.down {
        verify::stands(lab, &before).context("after up")?;
        let since = Instant::now();
        let down = measure::run(argv, &plan.env, stderr).context("down")?;
        row["down_ms"] = json!(down.wall);
        row["down_cpu_ms"] = json!(down.cpu);
        row["down_peak_mib"] = json!(down.peak);
        row["gone_ms"] = json!(verify::gone(&before, since).context("after down")?);
    } else {
        verify::gone(&before, since).context("after it ended")?;
    }
    Ok(row)
}

/// Builds the lab. Where only the start counts, also returns the time from the spawn to the kernel's own notice of
/// the first new link: what a user waits for, whatever the tool does before, and nothing that it does after.
fn up(tool: Tool, lab: Lab, plan: &Plan, stderr: &Path) -> Result<(Cost, Option<f64>)> {
    let seen = if lab == Lab::First && plan.down.is_some() { Some(Socket::monitor()?) } else { None };
    let started = measure::start(&plan.up, &plan.env, stderr)?;
    let first = match (&seen, lab.bridge()) {
        (Some(monitor), Some(bridge)) => Some(monitor.wait_for_new(bridge.name).map(|()| milliseconds(started.at))),
        _ => None,
    };
    // Its own words come first, if it failed before it changed anything.
    let cost = started.finish(stderr)?;
    let first = first.transpose()?;
    let whole = (lab == Lab::First && tool == Tool::Nothing).then_some(cost.wall);
    Ok((cost, first.or(whole)))
}
