//! `completions`: scripts that shells take.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::programs::Worker;

fn script(shell: &str) -> String {
    let output = Worker::new().output(&["completions", shell]);
    assert!(output.status.success(), "{shell}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn scripts_for_each_shell_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = script(shell);
        for name in [
            "add_transaction",
            "get_chain",
            "network",
            "create",
            "dump_data",
        ] {
            assert!(script.contains(name), "{shell} lacks {name}");
        }
    }
    let other = Worker::new().output(&["completions", "csh"]);
    assert_eq!(other.status.code(), Some(2));
}

#[test]
fn bash_completes_what_is_typed() {
    let typed = "
        registered=$(complete -p block-chain-worker)
        function=${registered#*-F }
        COMP_WORDS=(block-chain-worker get_)
        COMP_CWORD=1
        ${function%% *} block-chain-worker get_ block-chain-worker
        printf '%s\\n' \"${COMPREPLY[@]}\"
    ";
    let mut bash = Command::new("bash")
        .args(["--norc", "--noprofile", "-e"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = bash.stdin.take().unwrap();
    input.write_all(script("bash").as_bytes()).unwrap();
    input.write_all(typed.as_bytes()).unwrap();
    drop(input);
    let output = bash.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    let completed = String::from_utf8(output.stdout).unwrap();
    let completed: Vec<_> = completed.lines().collect();
    assert_eq!(completed, ["get_id", "get_leader", "get_chain"]);
}
