//! Running a recipe in a lab. A run is these steps, each a function with a typed result:
//!
//! 1. read the recipe and what it is given: [`Input`];
//! 2. take the lab's name: [`name`];
//! 3. go to where the lab is made, a sandbox or this machine, and there start the guard: [`enter()`](enter::enter);
//! 4. check the recipe: [`LoadedRecipe`];
//! 5. on the machine, rehearse it in memory and announce what it will touch: [`Rehearsal`];
//! 6. run it in a [`NewLab`](lab::NewLab);
//! 7. keep the lab, or take it down: [`run`].
//!
//! What happens goes to one [`Sink`]. The prompt takes the same steps, with entries in the place of a recipe.

pub mod cleanup;
pub mod elsewhere;
pub mod enter;
pub mod exec;
pub mod failure;
pub mod guard;
pub mod input;
pub mod lab;
pub mod machine;
pub mod name;
pub mod notice;
pub mod recipe;
pub mod rehearsal;
pub mod run;
pub mod stand_guard;

pub use failure::Failure;
pub use input::Input;
pub use notice::{Notice, Sink};
pub use recipe::LoadedRecipe;
pub use rehearsal::Rehearsal;
