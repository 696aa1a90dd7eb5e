//! Faults in what the user wrote: where they stand, and in whose file.

use super::*;

#[test]
fn syntax_errors_point_at_the_users_line() {
    let log = message(
        "syntax error, unexpected ';'",
        Some("hosts/web/configuration.nix:4:3"),
        &[("lib/modules.nix:10:1", "while calling the 'import' builtin")],
    );
    insta::assert_snapshot!(evaluation(&[log]), @r#"
    [nix-syntax] a Nix file does not parse
    at hosts/web/configuration.nix:4:3 |   services.openssh.ports = "22";
    syntax error, unexpected ';'
    fix: correct the configuration at this place
    "#);
}

#[test]
fn a_repository_may_be_a_folder_of_a_work_tree_and_have_spaces() {
    let wrong_type = message(
        &format!(
            "A definition for option `services.openssh.ports' is not of type `port'. Definition values:\n- In `{SOURCE}/hosts/web/configuration.nix': \"22\""
        ),
        None,
        &[("hosts/web/extra.nix:1:1", "while calling")],
    );
    insta::assert_snapshot!(evaluation_in("my infra", &[wrong_type]), @r#"
    [nix-evaluation] the configuration of web does not evaluate
    at hosts/web/configuration.nix:4:20 |   services.openssh.ports = "22";
    A definition for option `services.openssh.ports' is not of type `port'. Definition values:
    - In `hosts/web/configuration.nix': "22"
    from hosts/web/extra.nix:1:1 while calling
    fix: give a value of the type the option asks for
    "#);
}

#[test]
fn frames_of_the_user_come_first_and_ours_not_at_all() {
    let log = message(
        "undefined variable 'foo'",
        Some("lib/strings.nix:5:5"),
        &[
            (
                "nix/eval/hosts.nix:3:3",
                "while evaluating the attribute 'system'",
            ),
            (
                "hosts/web/configuration.nix:5:3",
                "while evaluating the attribute 'imports'",
            ),
        ],
    );
    insta::assert_snapshot!(evaluation(&[log]), @"
    [nix-evaluation] the configuration of web does not evaluate
    at hosts/web/configuration.nix:5:3 |   imports = [ ./extra.nix ];
    undefined variable 'foo'
    fix: correct the name, or add it to the arguments of the file
    ");
}

#[test]
fn option_errors_find_the_line_that_sets_the_option() {
    let text = format!(
        "A definition for option `services.openssh.ports' is not of type `list of 16 bit unsigned integer'. Definition values:\n- In `{SOURCE}/hosts/web/configuration.nix': \"22\""
    );
    insta::assert_snapshot!(evaluation(&[message(&text, None, &[])]), @r#"
    [nix-evaluation] the configuration of web does not evaluate
    at hosts/web/configuration.nix:4:20 |   services.openssh.ports = "22";
    A definition for option `services.openssh.ports' is not of type `list of 16 bit unsigned integer'. Definition values:
    - In `hosts/web/configuration.nix': "22"
    fix: give a value of the type the option asks for
    "#);
}

#[test]
fn an_entry_of_a_list_is_found_where_the_list_is_set() {
    let text = format!(
        "A definition for option `services.openssh.ports.\"[definition 1-entry 1]\"' is not of type `16 bit unsigned integer'. Definition values:\n- In `{SOURCE}/hosts/web/configuration.nix': \"22\""
    );
    let told = evaluation(&[message(&text, None, &[])]);
    assert!(
        told.contains("at hosts/web/configuration.nix:4:20 "),
        "{told}"
    );
}
