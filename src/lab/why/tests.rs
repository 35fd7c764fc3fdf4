//! Traces as text.

use super::*;

#[test]
fn a_verdict_says_where_why_and_what_is_missing() {
    let stop = Stop {
        code: "forwarding",
        ns: "r".into(),
        reason: "it does not forward packets".into(),
        site: None,
        missing: Some("ns(\"r\").ip_forward(true);".into()),
        instead: false,
        back: false,
        blame: None,
    };
    let trace = Trace { stop: Some(stop), proof: Proof::Failed("timed out".into(), Some((3, 4))), ..Trace::default() };
    assert_eq!(
        trace.verdict(),
        "It stops in `r`: it does not forward packets.\nmissing  ns(\"r\").ip_forward(true);\n\
         proof    a real packet raised the counter of that rule from 3 to 4"
    );
    assert!(!trace.is_well());
}
