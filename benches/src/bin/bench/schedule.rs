//! Which labs are built by which tools, and how often.

use crate::tool::Tool;
use rhailab_bench::lab::Lab;

/// A lab with the tools that build it in turn.
pub struct Set {
    /// The lab.
    pub lab: Lab,
    /// How many rounds.
    pub rounds: u32,
    /// The tools of a round, in order.
    pub tools: Vec<Tool>,
    /// The tool whose figures are 1.
    pub base: Tool,
}

const COMPARED: [Tool; 6] = [Tool::Ours, Tool::OursInMemory, Tool::OursRun, Tool::Raw, Tool::Batch, Tool::Shell];

/// The sets of a quick run (a few minutes) or a full one.
pub fn sets(full: bool) -> Vec<Set> {
    let set = |lab, quick, thorough, tools: &[Tool], base| Set {
        lab,
        rounds: if full { thorough } else { quick },
        tools: tools.to_vec(),
        base,
    };
    // A shell script needs ten seconds for 500 namespaces.
    let large: &[Tool] = if full { &COMPARED } else { &[Tool::Ours, Tool::Raw, Tool::Batch] };
    // What `raw` does for rules is one restore, so the restore of `batch` is the measure.
    let rules = [Tool::Ours, Tool::OursInMemory, Tool::OursRun, Tool::Batch, Tool::Shell];
    let start = [Tool::Ours, Tool::OursInMemory, Tool::OursRun, Tool::Raw, Tool::Shell, Tool::Nothing];
    vec![
        set(Lab::First, 11, 31, &start, Tool::Raw),
        set(Lab::Article, 7, 21, &COMPARED, Tool::Raw),
        set(Lab::Star(10), 5, 11, &COMPARED, Tool::Raw),
        set(Lab::Star(100), 5, 11, &COMPARED, Tool::Raw),
        set(Lab::Star(500), 3, 5, large, Tool::Raw),
        set(Lab::Vips(10), 5, 11, &rules, Tool::Batch),
        set(Lab::Vips(100), 3, 7, &rules, Tool::Batch),
    ]
}
