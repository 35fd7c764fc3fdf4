//! Traces as text.

use super::*;
use crate::model::names::NsName;

#[test]
fn a_verdict_says_where_why_and_what_is_missing() {
    let r = Ns::Named(NsName::new("r").unwrap());
    let missing = Some("ns(\"r\").ip_forward(true);".into());
    let stop = Stop { missing, ..Stop::new("forwarding", &r, "it does not forward packets".into()) };
    let trace = Trace { stop: Some(stop), proof: Proof::Failed("timed out".into(), Some((3, 4))), ..Trace::default() };
    assert_eq!(
        trace.verdict(),
        "It stops in `r`: it does not forward packets.\nmissing  ns(\"r\").ip_forward(true);\n\
         proof    a real packet raised the counter of that rule from 3 to 4"
    );
    assert!(!trace.is_well());
}
