//! Commands on a machine of a lab, as `netloom lab exec` and `netloom lab shell` start them.

use crate::shell;
use std::process::Command;

/// Names the machine whose folders a command finds.
const MACHINE: &str = "NETLOOM_LAB_MACHINE";
/// Names the machine to ask, where a command runs in something that keeps nothing of the fabric.
const ASK: &str = "NETLOOM_LAB_ASK";
/// Set where a person types on the machine itself.
const SHELL: &str = "NETLOOM_LAB_SHELL";
/// Names the lab, where several are up.
const LAB: &str = "NETLOOM_LAB";

/// The machine that a command runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LabMachine {
    /// Its lab, where several are up.
    lab: Option<String>,
    name: String,
    is_shell: bool,
}

impl LabMachine {
    /// A machine of a lab, which has to be named where several are up.
    pub(crate) fn new(lab: Option<String>, name: &str, is_shell: bool) -> Self {
        Self { lab, name: name.to_owned(), is_shell }
    }

    /// The machine that this command runs on, if that is one of a lab.
    pub(super) fn of_this_command() -> Option<Self> {
        let name = std::env::var(MACHINE).ok()?;
        let lab = std::env::var(LAB).ok();
        Some(Self { lab, name, is_shell: std::env::var_os(SHELL).is_some() })
    }

    /// Lets a command know that it runs here.
    pub(crate) fn tell(&self, command: &mut Command) {
        command.env(MACHINE, &self.name);
        self.tell_rest(command);
    }

    /// Lets a command know that it runs in something else, of which this machine knows.
    pub(crate) fn tell_stranger(&self, command: &mut Command) {
        command.env(ASK, &self.name);
        self.tell_rest(command);
    }

    fn tell_rest(&self, command: &mut Command) {
        if let Some(lab) = &self.lab {
            command.env(LAB, lab);
        }
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
        let exec = exec(self.lab.as_deref(), &self.name);
        if command.contains(['&', ';', '|', '$', '\'']) {
            return format!("{exec} -- sh -c {}", shell::word(command));
        }
        format!("{exec} -- {command}")
    }
}

/// The command that runs others on a machine.
fn exec(lab: Option<&str>, machine: &str) -> String {
    let lab = lab.map_or_else(String::new, |lab| format!("--lab {} ", shell::word(lab)));
    format!("netloom lab exec {lab}{machine}")
}

/// What to do where a command looks for a fabric in something of a lab that keeps none.
pub(super) fn whom_to_ask() -> Option<String> {
    let machine = std::env::var(ASK).ok()?;
    let exec = exec(std::env::var(LAB).ok().as_deref(), &machine);
    Some(format!(
        "nothing of the fabric is kept here: in a lab its machines are the hosts; ask the one that knows: \
         {exec} -- netloom COMMAND"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_typed_where_they_run() {
        let outside = LabMachine::new(None, "two", false);
        for (command, typed) in [
            ("ip route get 10.0.0.1", "netloom lab exec two -- ip route get 10.0.0.1"),
            ("a -i x && a -o x", "netloom lab exec two -- sh -c 'a -i x && a -o x'"),
            ("sysctl -w a='0 1'", "netloom lab exec two -- sh -c 'sysctl -w a='\\''0 1'\\'''"),
            ("netloom lab status", "netloom lab status"),
            ("", ""),
        ] {
            assert_eq!(outside.typed(command), typed);
        }
        assert_eq!(LabMachine::new(None, "two", true).typed("ip route"), "ip route");
        let one_of_many = LabMachine::new(Some("shop".to_owned()), "two", false);
        assert_eq!(one_of_many.typed("ip route"), "netloom lab exec --lab shop two -- ip route");
    }
}
