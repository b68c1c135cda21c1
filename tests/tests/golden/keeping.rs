//! What the commands say of what capsules keep.

use astrid_e2e::command::{self, Astrid};
use astrid_e2e::folders;

use crate::{Pages, Told};

pub(crate) fn story(pages: &mut Pages, json: bool) {
    let target = folders::guests("workspace");
    let astrid = Astrid::new(command::binary().unwrap(), &target).unwrap();
    let mut told = Told {
        pages,
        astrid: &astrid,
        json,
    };
    told.page("storage_empty", &["storage"]);
    told.page("kv_list_empty", &["kv", "list", "notes"]);
    told.page("storage_check_nothing", &["storage", "check"]);
    told.page("storage_compact_nothing", &["storage", "compact"]);
    told.page("kv_set", &["kv", "set", "notes", "title", "Shopping\nlist"]);
    astrid.run(&["kv", "set", "notes", "body", "milk\u{1b}[31m"]);
    astrid.run(&["kv", "set", "notes", "bits", "ff00", "--hex"]);
    told.page("kv_list", &["kv", "list", "notes"]);
    told.page("kv_list_prefix", &["kv", "list", "notes", "none/"]);
    told.page("kv_get", &["kv", "get", "notes", "body"]);
    told.page("kv_get_bits", &["kv", "get", "notes", "bits"]);
    told.page("kv_get_absent", &["kv", "get", "notes", "titel"]);
    told.page("kv_bad_key", &["kv", "set", "notes", "", "x"]);
    told.page("kv_bad_hex", &["kv", "set", "notes", "x", "f", "--hex"]);
    told.page(
        "kv_bad_principal",
        &["kv", "list", "notes", "--principal", "eve"],
    );
    told.page("principal_show", &["principal", "show", "default"]);
    told.page(
        "principal_set",
        &[
            "principal",
            "set",
            "default",
            "--storage",
            "1KiB",
            "--wall",
            "2s",
            "--capsules",
            "notes",
        ],
    );
    told.page("principal_set_shown", &["principal", "show", "default"]);
    told.page(
        "kv_quota",
        &["kv", "set", "notes", "large", &"x".repeat(1_100)],
    );
    told.page("principal_set_nothing", &["principal", "set", "default"]);
    told.page(
        "principal_set_bad_size",
        &["principal", "set", "default", "--storage", "much"],
    );
    astrid.run(&["principal", "add", "ada"]);
    astrid.run(&["kv", "set", "notes", "k", "v", "--principal", "ada"]);
    told.page(
        "principal_remove_default",
        &["principal", "remove", "default"],
    );
    told.page("principal_remove_keeping", &["principal", "remove", "ada"]);
    told.page(
        "principal_remove",
        &["principal", "remove", "ada", "--purge"],
    );
    told.page("kv_remove", &["kv", "remove", "notes", "title"]);
    told.page("kv_remove_absent", &["kv", "remove", "notes", "title"]);
    told.page("storage", &["storage"]);
    told.page("storage_check", &["storage", "check"]);
    told.page("storage_purge", &["storage", "purge"]);
    told.page("storage_purge_nothing", &["storage", "purge"]);
    let file = astrid.home().join("var/kv.redb");
    std::fs::write(&file, b"no store at all".repeat(1_000)).unwrap();
    told.page("storage_damaged", &["kv", "get", "notes", "body"]);
    told.page("storage_check_damaged", &["storage", "check"]);
}
