//! `rhailab run`: a recipe from beginning to end.

use super::args::{Context, OutputArgs, RecipeArgs, default_name};
use super::conduct::{Job, conduct, require_rights, take_name};
use super::engine::{Ended, Order, Trouble};
use super::progress::write_err;
use super::recipe_help;
use crate::error::OpError;
use crate::lab::registry::{Mode, Registry};
use crate::names::LabName;
use clap::Args;

/// Run a recipe, and take everything down when it ends
#[derive(Debug, Args)]
#[command(disable_help_flag = true, override_usage = "rhailab run [OPTIONS] <RECIPE>")]
pub struct RunArgs {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Act on this machine instead of a sandbox; needs root
    #[arg(long)]
    host: bool,
    /// Leave the lab up when the recipe has ended well, as `up` does
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    keep: Option<String>,
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
    /// Act on this machine instead of a sandbox; needs root
    #[arg(long)]
    host: bool,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// `run`.
pub fn run(args: &RunArgs, context: Context) -> Ended {
    let stay = match args.keep.as_deref() {
        None => Stay::No,
        Some("") => Stay::AsRecipe,
        Some(name) => Stay::As(name),
    };
    start("run", &args.recipe, &stay, args.host, args.output, context)
}

/// `up`.
pub fn up(args: &UpArgs, context: Context) -> Ended {
    let stay = args.name.as_deref().map_or(Stay::AsRecipe, Stay::As);
    start("up", &args.recipe, &stay, args.host, args.output, context)
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
    host: bool,
    output: OutputArgs,
    context: Context,
) -> Ended {
    if recipe.given.help {
        return recipe_help::show(subcommand, recipe, context);
    }
    let path = recipe.path()?;
    let order = order(recipe)?;
    let keep = !matches!(stay, Stay::No);
    let name = match stay {
        Stay::As(name) => LabName::new(name).map_err(OpError::usage)?,
        Stay::No | Stay::AsRecipe => default_name(path)?,
    };
    let mode = if host { Mode::Host } else { Mode::Sandbox };
    require_rights(mode)?;
    let registry = Registry::open()?;
    let claim = take_name(&registry, &name, keep)?;
    let name = claim.place().name().to_owned();
    let job = Job { order, mode, keep, output, context };
    let code = conduct(&job, claim)?;
    if code == 0 && job.keep && !output.quiet && !output.json {
        write_err(&format!(
            "The lab `{name}` is up. Look at it with `rhailab status {name}`, take it down with `rhailab down {name}`."
        ));
    }
    Ok(code)
}

/// What the script engine needs to know.
pub fn order(args: &RecipeArgs) -> Result<Order, Trouble> {
    Ok(Order {
        recipe: args.path()?.to_owned(),
        params: args.parameters()?,
        module_path: args.module_path()?,
        max_operations: args.given.max_operations,
    })
}
