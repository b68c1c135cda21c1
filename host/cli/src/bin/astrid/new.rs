//! `astrid new`.

use std::path::PathBuf;
use std::process::ExitCode;

use astrid_cli::authoring::{Sdk, new_capsule, templates};
use serde_json::json;

use crate::failure::{DONE, Failure};
use crate::session::{Session, shown};

/// Make a capsule that builds, from a template
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Its name, and that of its folder
    name: String,
    /// What to begin with: hello, redact, guard
    #[arg(long, default_value = "hello", value_name = "T")]
    template: String,
    /// Where its folder goes [default: the current folder]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
}

pub(crate) fn run(session: &Session, args: &Args) -> Result<ExitCode, Failure> {
    let home = session.home()?;
    let parent = args.path.clone().unwrap_or_else(|| PathBuf::from("."));
    let sdk = Sdk::unpack_into(&home.sdk_dir())?;
    let created = new_capsule(&args.name, &args.template, &parent, &sdk)?;
    let folder = created.folder.strip_prefix(".").unwrap_or(&created.folder);
    let document = json!({
        "name": args.name,
        "template": args.template,
        "folder": shown(folder),
        "workspace": created.workspace.as_deref().map(shown),
        "files": created.files.iter().map(|file| shown(file)).collect::<Vec<_>>(),
        "templates": templates().iter().map(|template| template.name).collect::<Vec<_>>(),
    });
    if let Some(root) = &created.workspace {
        session.out.note(format!(
            "it is a member of the workspace of {}",
            shown(root)
        ));
    }
    if let Some(advice) = &created.advice {
        session.out.warning(advice);
    }
    session.out.result(
        &document,
        format!(
            "{} is made. Next: cd {}, and what its README.md says.",
            shown(folder),
            shown(folder)
        ),
    );
    Ok(DONE)
}
