//! One need and the recipe it names, as a job whose needs are not connected yet.

use super::{Asked, owner, unknown_recipe};
use infra_model::contract::{Manifest, NeedScope, Output, Recipe, place_of};
use infra_model::duration::seconds;
use infra_model::recipe::{Builtin, Clear, How, Job, JobId, Make, Owner, Product, Said};
use infra_model::{Code, Diagnostic, NeedName};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn draft(manifest: &Manifest, asked: &Asked<'_>) -> Result<Job, Vec<Diagnostic>> {
    let declared = manifest.recipes.get(asked.recipe);
    let named = declared.map_or(Some(asked.recipe.as_str()), |recipe| {
        recipe.builtin.as_deref()
    });
    let script = declared.and_then(|recipe| recipe.script.as_ref().map(|script| (recipe, script)));
    match (named, script) {
        (Some(name), _) => match Builtin::parse(name) {
            Some(builtin) => by_builtin(manifest, asked, builtin),
            None => Err(vec![unknown_recipe(manifest, asked, name)]),
        },
        (None, Some((recipe, script))) => by_script(manifest, asked, recipe, script),
        (None, None) => {
            let title = format!(
                "the recipe `{}` has neither a script nor a built-in",
                asked.recipe
            );
            let fault = Diagnostic::new(Code::InvalidRecipe, title)
                .with_place(place_of(asked.declared, &manifest.host))
                .with_fix("add: builtin = \"password\"; or a script that writes into $out");
            Err(vec![fault])
        }
    }
}

/// A job without what its recipe says of it.
fn blank(manifest: &Manifest, asked: &Asked<'_>, name: &NeedName, how: How) -> Job {
    Job {
        id: JobId {
            owner: owner(asked.scope, &manifest.host),
            name: name.clone(),
        },
        recipe: asked.recipe.clone(),
        how,
        needs: BTreeMap::new(),
        prompts: BTreeMap::new(),
        products: BTreeMap::new(),
        watched: BTreeMap::new(),
        seed: None,
        expires: None,
        every: asked.every,
        hosts: BTreeSet::from([manifest.host.clone()]),
        declared: asked.declared.to_vec(),
    }
}

/// Adds what a recipe says. Whose the needs are is found out once all jobs are known.
fn say(job: &mut Job, recipe: &Recipe) -> Result<(), Vec<Diagnostic>> {
    let own = |names: &[NeedName]| -> Vec<(NeedName, Owner)> {
        let pair = |name: &NeedName| (name.clone(), job.id.owner.clone());
        names.iter().map(pair).collect()
    };
    let (needs, watched) = (own(&recipe.needs), own(&recipe.regenerate_on));
    job.needs.extend(needs);
    job.watched.extend(watched);
    job.prompts.clone_from(&recipe.prompts);
    job.seed.clone_from(&recipe.seed);
    if !recipe.declared.is_empty() {
        job.declared.clone_from(&recipe.declared);
    }
    if let Some(text) = &recipe.expires {
        let Some(expires) = seconds(text) else {
            let title = format!("`expires` of the recipe `{}` is no duration", job.recipe);
            let mut fault = Diagnostic::new(Code::InvalidRecipe, title)
                .with_cause(format!("found `{text}`"))
                .with_fix("write for example: expires = \"365d\";");
            fault.place = job.place();
            return Err(vec![fault]);
        };
        job.expires = Some(expires);
    }
    Ok(())
}

fn by_builtin(
    manifest: &Manifest,
    asked: &Asked<'_>,
    builtin: Builtin,
) -> Result<Job, Vec<Diagnostic>> {
    let main = builtin.main_need(asked.need);
    together(manifest, asked, &main).map_err(|fault| vec![fault])?;
    let recipe = manifest.recipes.get_key_value(asked.recipe);
    let title = match asked.scope {
        NeedScope::Shared => main.to_string(),
        NeedScope::Host => format!("{main}@{}", manifest.host),
    };
    let said = Said {
        builtin,
        recipe,
        need: &main,
        title: &title,
        declared: asked.declared,
    };
    let make = said.make()?;
    let mut job = blank(manifest, asked, &main, How::Builtin(make.clone()));
    if let Some((_, recipe)) = recipe {
        say(&mut job, recipe)?;
    }
    let mine = job.id.owner.clone();
    match &make {
        Make::X509Cert { ca, days, .. } => {
            let certificate = extra(ca, "cert", asked, manifest).map_err(|fault| vec![fault])?;
            for need in [ca.clone(), certificate] {
                job.needs.insert(need.clone(), mine.clone());
                job.watched.insert(need, mine.clone());
            }
            // Nobody wants a certificate that has run out.
            let most = u64::from(*days) * 86_400 / 3 * 2;
            job.expires = Some(job.expires.unwrap_or(most));
        }
        Make::PasswordHash(Clear::Need(need)) => {
            job.needs.insert(need.clone(), mine);
        }
        _ => {}
    }
    let product = |output: &NeedName, secret, format| Product {
        output: output.clone(),
        secret,
        format,
    };
    job.products
        .insert(main.clone(), product(&main, true, builtin.format()));
    for part in make.extras() {
        let name = extra(&main, part.suffix, asked, manifest).map_err(|fault| vec![fault])?;
        let beside = product(&name, part.secret, part.format);
        job.products.insert(name, beside);
    }
    Ok(job)
}

/// The name of something that is made together with `main`.
fn extra(
    main: &NeedName,
    suffix: &str,
    asked: &Asked<'_>,
    manifest: &Manifest,
) -> Result<NeedName, Diagnostic> {
    NeedName::parse(&format!("{main}.{suffix}")).map_err(|why| {
        Diagnostic::new(Code::InvalidRecipe, why.to_string())
            .with_place(place_of(asked.declared, &manifest.host))
            .with_fix(format!("give `{main}` a shorter name"))
    })
}

/// A public part and its secret come from the same run, so they must name the same.
fn together(manifest: &Manifest, asked: &Asked<'_>, main: &NeedName) -> Result<(), Diagnostic> {
    let of_secret = manifest
        .secrets
        .get(main)
        .map(|need| (&need.recipe, need.scope));
    let of_value = manifest
        .values
        .get(main)
        .map(|need| (&need.recipe, need.scope));
    let Some((recipe, scope)) = of_secret.or(of_value) else {
        return Ok(());
    };
    let fault = |difference: String, fix: String| {
        let need = asked.need;
        Diagnostic::new(
            Code::InvalidRecipe,
            format!("`{need}` is made together with `{main}`, {difference}"),
        )
        .with_place(place_of(asked.declared, &manifest.host))
        .with_fix(fix)
        .with_host(&manifest.host)
    };
    if recipe.as_ref() != Some(asked.recipe) {
        let difference = match recipe {
            Some(recipe) => format!("which is made by the recipe `{recipe}`"),
            None => "which has no recipe".to_owned(),
        };
        let fix = format!("let both name the recipe `{}`, or neither", asked.recipe);
        return Err(fault(difference, fix));
    }
    if scope != asked.scope {
        let fix = "give both the same `scope`".to_owned();
        return Err(fault("and has another scope".to_owned(), fix));
    }
    Ok(())
}

fn by_script(
    manifest: &Manifest,
    asked: &Asked<'_>,
    recipe: &Recipe,
    script: &str,
) -> Result<Job, Vec<Diagnostic>> {
    let how = How::Script {
        script: script.to_owned(),
        packages: recipe.packages.clone(),
    };
    let mut outputs = recipe.outputs.iter();
    let only = match (outputs.next(), outputs.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    };
    let name = match (only, recipe.outputs.keys().next()) {
        // Several needs may name a recipe with one output: each gets its own.
        (Some(_), _) => asked.need,
        (None, Some(first)) => first,
        (None, None) => {
            let title = format!("the recipe `{}` makes nothing", asked.recipe);
            let fault = Diagnostic::new(Code::InvalidRecipe, title)
                .with_place(place_of(&recipe.declared, &manifest.host))
                .with_fix(format!("add: outputs.{} = {{ }};", asked.need));
            return Err(vec![fault]);
        }
    };
    let mut job = blank(manifest, asked, name, how);
    say(&mut job, recipe)?;
    let product = |output: &NeedName, made: &Output| Product {
        output: output.clone(),
        secret: made.secret,
        format: made.format,
    };
    match only {
        Some((output, made)) => {
            job.products
                .insert(asked.need.clone(), product(output, made));
        }
        None => {
            for (output, made) in &recipe.outputs {
                job.products.insert(output.clone(), product(output, made));
            }
        }
    }
    Ok(job)
}
