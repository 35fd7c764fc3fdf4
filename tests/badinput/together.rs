//! Many runs of one recipe at once.

use super::{EVERYTHING, RECIPE, homes, machine, nothing_is_left};
use crate::machine::state;
use std::thread;

#[test]
fn eight_runs_of_one_recipe_do_not_meet() {
    let Some(machine) = machine::enter(false) else { return };
    for home in homes(machine) {
        let before = state();
        home.write(
            RECIPE,
            &format!("{EVERYTHING}\nweb.http_serve(80, \"mine\");\nprint(http_get(\"http://10.100.0.1/\").body);\n"),
        );
        // Commands are made on this thread, whose machine they are for.
        let commands: Vec<_> = (0..8).map(|_| home.rhailab(&["run", RECIPE])).collect();
        let running: Vec<_> = commands.into_iter().map(|mut command| command.spawn().unwrap()).collect();
        let ends: Vec<_> =
            running.into_iter().map(|child| thread::spawn(move || child.wait_with_output().unwrap())).collect();
        for end in ends {
            let ran = crate::support::Ran::of(&end.join().unwrap());
            assert_eq!(ran.assert_well(), "mine\n");
        }
        nothing_is_left("eight at once", &home, &before);
    }
}
