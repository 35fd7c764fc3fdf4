//! `rhailab run` and `rhailab up`: a recipe from beginning to end.

use super::Ended;
use super::args::{OutputArgs, RecipeArgs, default_name};
use super::prove;
use super::recipe_help;
use crate::lab::Fault;
use crate::lab::registry::Mode;
use crate::output::Printing;
use crate::output::{is_up, write_err};
use crate::sandbox::Exit;
use crate::session::name::{lab_name, require_rights};
use crate::session::run::{self, Finished, Run};
use clap::Args;

/// Run a recipe, and take everything down when it ends
#[derive(Debug, Args)]
#[command(disable_help_flag = true, override_usage = "rhailab run [OPTIONS] <RECIPE>")]
pub struct RunArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    place: PlaceArgs,
    /// Leave the lab up when the recipe has ended well, as `up` does
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    keep: Option<String>,
    /// Fail on purpose after the change of this number
    #[arg(long, hide = true, value_name = "N")]
    break_after: Option<u64>,
    /// Be killed rather than fail
    #[arg(long, hide = true, requires = "break_after")]
    killed: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Make a lab and leave it up until `down`
#[derive(Debug, Args)]
#[command(disable_help_flag = true, override_usage = "rhailab up [OPTIONS] <RECIPE>")]
pub struct UpArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// The lab's name; the recipe's, if none is given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Where a recipe acts, and how careful it is.
#[derive(Debug, Clone, Copy, Args)]
struct PlaceArgs {
    /// Act on this machine instead of a sandbox; needs root
    #[arg(long)]
    host: bool,
    /// Leave nobody behind who takes the lab down should this process be killed while it makes it
    #[arg(long, alias = "no-guardian", requires = "host")]
    no_guard: bool,
    /// First prove that the recipe leaves nothing, wherever it is broken off, as `prove` does
    #[arg(long)]
    prove_clean: bool,
}

/// `run`.
pub fn run(args: &RunArgs, printing: Printing) -> Ended {
    let stay = match args.keep.as_deref() {
        None => Stay::No,
        Some("") => Stay::AsRecipe,
        Some(name) => Stay::As(name),
    };
    let fault = args.break_after.map(|after| Fault { after, kills: args.killed });
    start("run", &args.recipe, &stay, args.place, fault, args.output, printing)
}

/// `up`.
pub fn up(args: &UpArgs, printing: Printing) -> Ended {
    let stay = args.name.as_deref().map_or(Stay::AsRecipe, Stay::As);
    start("up", &args.recipe, &stay, args.place, None, args.output, printing)
}

/// Whether a lab stays when its recipe has ended well, and under which name.
enum Stay<'a> {
    No,
    AsRecipe,
    As(&'a str),
}

fn start(
    subcommand: &str,
    recipe: &RecipeArgs,
    stay: &Stay<'_>,
    place: PlaceArgs,
    fault: Option<Fault>,
    output: OutputArgs,
    printing: Printing,
) -> Ended {
    if recipe.given.help {
        return recipe_help::show(subcommand, recipe, printing);
    }
    let input = recipe.input()?;
    let keep = !matches!(stay, Stay::No);
    let name = match stay {
        Stay::As(name) => lab_name(name)?,
        Stay::No | Stay::AsRecipe => default_name(&input.recipe)?,
    };
    let mode = if place.host { Mode::Host } else { Mode::Sandbox };
    require_rights(mode)?;
    if place.prove_clean {
        let code = prove::before(recipe, output, printing)?;
        if code != 0 {
            return Ok(code);
        }
    }
    let run = Run { input, mode, is_guarded: place.host && !place.no_guard, fault, keep };
    let Finished { name, exit } = run::run(&run, &name, &|lab| output.progress(lab, printing))?;
    match exit {
        Exit::End(code) => Ok(code),
        Exit::Keep => {
            if !output.quiet && !output.json {
                write_err(&is_up(&name));
            }
            Ok(0)
        }
    }
}
