//! Commands on a machine of a lab, as `netloom lab exec` and `netloom lab shell` start them.

use std::process::Command;

/// Names the machine whose folders a command finds.
const MACHINE: &str = "NETLOOM_LAB_MACHINE";
/// Names the machine to ask, where a command runs in something that keeps nothing of the fabric.
const ASK: &str = "NETLOOM_LAB_ASK";
/// Set where a person types on the machine itself.
const SHELL: &str = "NETLOOM_LAB_SHELL";

/// The machine that a command runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabMachine {
    name: String,
    is_shell: bool,
}

impl LabMachine {
    pub(crate) fn new(name: &str, is_shell: bool) -> Self {
        Self { name: name.to_owned(), is_shell }
    }

    /// The machine that this command runs on, if that is one of a lab.
    pub(super) fn of_this_command() -> Option<Self> {
        let name = std::env::var(MACHINE).ok()?;
        Some(Self { name, is_shell: std::env::var_os(SHELL).is_some() })
    }

    /// Lets a command know that it runs here.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(MACHINE, &self.name);
        self.tell_shell(command);
    }

    /// Lets a command know that it runs in something else, of which this machine knows.
    pub(crate) fn tell_stranger(&self, command: &mut Command) {
        command.env(ASK, &self.name);
        self.tell_shell(command);
    }

    fn tell_shell(&self, command: &mut Command) {
        if self.is_shell {
            command.env(SHELL, "yes");
        }
    }

    /// A command that is to run on the machine, as who reads it has to type it.
    pub(super) fn typed(&self, command: &str) -> String {
        // Those on labs are typed outside of them.
        if self.is_shell || command.is_empty() || command.starts_with("netloom lab ") {
            return command.to_owned();
        }
        let machine = &self.name;
        if command.contains(['&', ';', '|', '$', '\'']) {
            let quoted = command.replace('\'', "'\\''");
            return format!("netloom lab exec {machine} -- sh -c '{quoted}'");
        }
        format!("netloom lab exec {machine} -- {command}")
    }
}

/// What to do where a command looks for a fabric in something of a lab that keeps none.
pub(super) fn whom_to_ask() -> Option<String> {
    let machine = std::env::var(ASK).ok()?;
    Some(format!(
        "nothing of the fabric is kept here: in a lab its machines are the hosts; ask the one that knows: netloom \
         lab exec {machine} -- netloom COMMAND"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_typed_where_they_run() {
        let outside = LabMachine::new("two", false);
        for (command, typed) in [
            ("ip route get 10.0.0.1", "netloom lab exec two -- ip route get 10.0.0.1"),
            ("a -i x && a -o x", "netloom lab exec two -- sh -c 'a -i x && a -o x'"),
            ("sysctl -w a='0 1'", "netloom lab exec two -- sh -c 'sysctl -w a='\\''0 1'\\'''"),
            ("netloom lab status", "netloom lab status"),
            ("", ""),
        ] {
            assert_eq!(outside.typed(command), typed);
        }
        assert_eq!(LabMachine::new("two", true).typed("ip route"), "ip route");
    }
}
