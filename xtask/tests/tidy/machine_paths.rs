//! No file names a folder of the machine that it was written on.

use crate::{assert_none, tree};

/// Folders of build machines and of people. In pieces, or this file would break its own rule.
const FOLDERS: &[&str] = &[
    concat!("/", "work/"),
    concat!("/", "root/"),
    concat!("/", "farm/"),
    concat!("/", "home/"),
];

/// The lines of a text that hold an absolute path into one of the folders.
fn problems(file: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for folder in FOLDERS {
            let found = line.match_indices(folder).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                let after = line[at + folder.len()..].chars().next();
                // Within a longer path, or with a placeholder for the name, it is not a path of this machine.
                !before.is_some_and(|c| c.is_alphanumeric() || "/._-~})>*".contains(c))
                    && after.is_some_and(|c| c.is_ascii_alphanumeric() || "._".contains(c))
            });
            if found {
                problems.push(format!(
                    "{file}:{}: names a folder of one machine, `{folder}`",
                    index + 1
                ));
            }
        }
    }
    problems
}

#[test]
fn no_file_names_a_folder_of_one_machine() {
    assert_none(
        &tree::texts()
            .flat_map(|(file, text)| problems(&file, &text))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn absolute_paths_are_found_and_longer_paths_are_not() {
    for folder in FOLDERS {
        let text = format!("fine\npath = \"{folder}alice/x\"\n");
        assert_eq!(
            problems("x.toml", &text),
            [format!(
                "x.toml:2: names a folder of one machine, `{folder}`"
            )]
        );
        for fine in [
            "$ASTRID_HOME{}alice",
            "~{}alice",
            "https://host.example{}alice",
            "`{}<name>/`",
            "a {} b",
        ] {
            let fine = fine
                .replace("{}", folder)
                .replace("$ASTRID_HOME", "${ASTRID_HOME}");
            assert_eq!(problems("x.md", &fine), <[String; 0]>::default(), "{fine}");
        }
    }
}
