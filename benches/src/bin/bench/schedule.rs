//! Which labs are built by which tools, and how often.

use crate::tool::Tool;
use rhailab_bench::Result;
use rhailab_bench::lab::Lab;

/// A lab with the tools that build it in turn.
pub struct Set {
    /// The lab.
    pub lab: Lab,
    /// How many rounds.
    pub rounds: u32,
    /// The tools of a round.
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
        set(Lab::Article, 21, 61, &COMPARED, Tool::Raw),
        set(Lab::Star(10), 5, 11, &COMPARED, Tool::Raw),
        set(Lab::Star(100), 5, 11, &COMPARED, Tool::Raw),
        set(Lab::Star(500), 3, 5, large, Tool::Raw),
        // As many as a bridge has ports for, nearly: what grows faster than the lab shows here.
        set(Lab::Star(1000), 3, 5, &[Tool::Ours, Tool::Raw], Tool::Raw),
        set(Lab::Vips(10), 5, 11, &rules, Tool::Batch),
        set(Lab::Vips(100), 3, 7, &rules, Tool::Batch),
    ]
}

/// Those sets that these words name (`star`, `star:100`); all if there are none. A word that names none is an error.
pub fn named(sets: Vec<Set>, words: &[String]) -> Result<Vec<Set>> {
    let names = |lab: Lab| [lab.kind().to_owned(), format!("{}:{}", lab.kind(), lab.size())];
    let is_known = |word: &String| sets.iter().any(|set| names(set.lab).contains(word));
    if let Some(word) = words.iter().find(|word| !is_known(word)) {
        let mut known: Vec<String> = sets.iter().flat_map(|set| names(set.lab)).collect();
        known.sort();
        known.dedup();
        return Err(format!("no such lab: {word}; there are {}", known.join(", ")).into());
    }
    let is_named = |set: &Set| words.is_empty() || names(set.lab).iter().any(|name| words.contains(name));
    Ok(sets.into_iter().filter(is_named).collect())
}

/// The tools in the order of a round (counted from 1): so that over the rounds each follows each other equally often, as
/// one that comes after its like finds the kernel's code and data warm (E. J. Williams, "Experimental designs balanced for
/// the estimation of residual effects of treatments", 1949).
pub fn turns(tools: &[Tool], round: u32) -> Vec<Tool> {
    let (count, round) = (tools.len(), round as usize - 1);
    let zigzag = (0..count).map(|at| if at % 2 == 1 { at.div_ceil(2) } else { count - at / 2 });
    let mut turns: Vec<Tool> = zigzag.filter_map(|at| tools.get((at + round) % count)).copied().collect();
    // For an odd number of tools only both directions together are balanced.
    if round / count.max(1) % 2 == 1 {
        turns.reverse();
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_word_that_names_no_lab_is_refused_with_those_that_there_are() {
        let labs = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            named(sets(false), &words).map(|sets| sets.iter().map(|set| set.lab).collect::<Vec<Lab>>())
        };
        assert_eq!(labs(&["star:1000", "article"]).unwrap(), [Lab::Article, Lab::Star(1000)]);
        assert!(labs(&["star"]).unwrap().len() > 2 && labs(&[]).unwrap().len() > 6);
        for word in ["stars", "star:7", "star:"] {
            let error = labs(&["article", word]).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("star:100, star:1000"), "{error}");
        }
        assert!(Tool::parse("rwa").unwrap_err().to_string().contains("raw"));
    }

    #[test]
    fn each_tool_follows_each_other_equally_often() {
        for count in 2..=Tool::ALL.len() {
            let mut pairs = BTreeMap::new();
            for round in 1..=2 * count {
                let turns = turns(&Tool::ALL[..count], u32::try_from(round).unwrap());
                for pair in turns.windows(2) {
                    *pairs.entry((pair[0].word(), pair[1].word())).or_insert(0) += 1;
                }
            }
            assert_eq!(pairs.len(), count * (count - 1));
            assert!(pairs.values().all(|times| *times == 2), "{count} tools: {pairs:?}");
        }
    }
}
