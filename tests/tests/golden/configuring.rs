//! What the commands say of the configuration of capsules.

use astrid_e2e::command::{self, Astrid};
use astrid_e2e::folders;
use astrid_e2e::guests::Guest;

use crate::{Pages, Told};

pub(crate) fn story(pages: &mut Pages, json: bool) {
    let target = folders::guests("workspace");
    let astrid = Astrid::new(command::binary().unwrap(), &target).unwrap();
    let made = astrid.workspace().join("made");
    let leaky = Guest::Leaky.lay_out(&made).unwrap();
    Guest::Hello.lay_out(&made).unwrap();
    let mut told = Told {
        pages,
        astrid: &astrid,
        json,
    };
    told.page("env_list_absent", &["env", "list", "leaky"]);
    told.page("install_unset", &["install", "made/leaky", "--yes"]);
    astrid.run(&["principal", "add", "ada"]);
    astrid.run(&["install", "made/hello", "--yes"]);
    told.page("env_list_nothing", &["env", "list", "hello"]);
    told.page("env_set", &["env", "set", "leaky", "NAME", "Ada\u{1b}[31m"]);
    let words = ["env", "set", "leaky", "WORDS", "a", "b c", "--host"];
    told.page("env_set_host", &words);
    told.page("env_set_choice", &["env", "set", "leaky", "SIZE", "lrge"]);
    told.page("env_set_undeclared", &["env", "set", "leaky", "NAM", "x"]);
    told.page("env_set_secret", &["env", "set", "leaky", "TOKEN", "x"]);
    told.page("env_set_many", &["env", "set", "leaky", "NAME", "a", "b"]);
    let nobody = ["env", "set", "leaky", "NAME", "x", "--principal", "bob"];
    told.page("env_set_nobody", &nobody);
    let both = ["env", "list", "leaky", "--host", "--principal", "ada"];
    told.page("env_list_both", &both);
    let set = ["secret", "set", "leaky", "TOKEN"];
    told.page_given("secret_set", &set, "hush-hush\n");
    told.page_given("secret_set_empty", &set, "\n");
    told.page_given("secret_set_large", &set, &"x".repeat(70_000));
    told.page_given("secret_set_text", &["secret", "set", "leaky", "NAME"], "x");
    told.page("env_list", &["env", "list", "leaky"]);
    let hers = ["env", "list", "leaky", "--principal", "ada"];
    told.page("env_list_principal", &hers);
    told.page("env_list_host", &["env", "list", "leaky", "--host"]);
    told.page("secret_list", &["secret", "list", "leaky"]);
    let read = ["invoke", "leaky", "read", "--payload", "\"TOKEN\""];
    astrid.run(&read);
    told.page("env_unset", &["env", "unset", "leaky", "NAME"]);
    told.page("env_unset_again", &["env", "unset", "leaky", "NAME"]);
    told.page("secret_unset", &["secret", "unset", "leaky", "TOKEN"]);
    told.page("secret_unset_again", &["secret", "unset", "leaky", "TOKEN"]);
    let config = astrid.home().join("etc/config.toml");
    std::fs::write(&config, "[secrets]\nbackend = \"keyring\"\n").unwrap();
    // No keyring is where no bus is.
    let bus = [("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent")];
    told.page_with("secret_no_keyring", &["secret", "list", "leaky"], &bus);
    std::fs::remove_file(&config).unwrap();
    let overlay = astrid.home().join("home/default/env/leaky.env.json");
    std::fs::write(&overlay, "{ \"NAME\": \"Ada\"\n").unwrap();
    told.page("env_list_damaged", &["env", "list", "leaky"]);
    std::fs::remove_file(&overlay).unwrap();

    let manifest = std::fs::read_to_string(leaky.join("Capsule.toml")).unwrap();
    astrid.run(&["env", "set", "leaky", "NAME", "Ada"]);
    astrid.run(&["remove", "leaky"]);
    told.page("env_list_removed", &["env", "list", "leaky"]);
    astrid.run(&["kv", "set", "leaky", "key", "value", "--principal", "ada"]);
    std::fs::write(leaky.join("Capsule.toml"), manifest).unwrap();
    told.page("install_left", &["install", "made/leaky", "--yes"]);
    told.page_given(
        "secret_set_principal",
        &[&set[..], &["--principal", "ada"]].concat(),
        "hush-hush\n",
    );
    told.page("principal_remove_secrets", &["principal", "remove", "ada"]);
    astrid.run(&["principal", "remove", "ada", "--purge"]);
    astrid.run(&["remove", "leaky", "--purge"]);
    let left = std::fs::exists(astrid.home().join("home/default/env/leaky.env.json"));
    assert!(!left.unwrap());
    assert!(!std::fs::exists(astrid.home().join("secrets/ada/leaky/TOKEN")).unwrap());
}
