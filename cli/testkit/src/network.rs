//! The lab's network: a bridge in the controller's namespace, one cable to each host.
//!
//! Every lab has the same addresses, because no lab's network touches another's or the machine's:
//! the namespaces are files in the lab's own folder, and nothing is ever added to the root one.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::files::{FileError, failed};
use crate::process::{ProcessError, Run, process};

/// Making a network takes milliseconds; this is for a machine under heavy load.
const DEADLINE: Duration = Duration::from_secs(30);

/// The address of the operator's machine.
pub const CONTROLLER_ADDRESS: &str = "10.231.0.1";

/// The address of the host with this number, counted from 0.
pub(crate) fn address(index: usize) -> String {
    format!("10.231.0.{}", index + 2)
}

/// The controller's end of a host's cable. Interface names have 15 characters at most, so it is
/// numbered and not named.
pub(crate) fn port(index: usize) -> String {
    format!("port{index}")
}

/// Why a network could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// `ip` or one of its helpers failed.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Makes the controller's namespace at a file.
pub(crate) fn create_controller(net: &Path) -> Result<(), NetworkError> {
    create_namespace(net)?;
    ip(
        net,
        &format!(
            "link set lo up\n\
             link add br0 type bridge stp_state 0 forward_delay 0\n\
             address add {CONTROLLER_ADDRESS}/24 dev br0\n\
             link set br0 up\n"
        ),
    )
}

/// Makes a host's namespace at a file, with a cable to the controller's bridge.
pub(crate) fn create_host(controller: &Path, net: &Path, index: usize) -> Result<(), NetworkError> {
    create_namespace(net)?;
    let (port, address) = (port(index), address(index));
    ip(
        controller,
        &format!(
            "link add {port} type veth peer name eth0 netns {}\n\
             link set {port} master br0 up\n",
            net.display()
        ),
    )?;
    ip(
        net,
        &format!(
            "link set lo up\n\
             address add {address}/24 dev eth0\n\
             link set eth0 up\n"
        ),
    )
}

/// Plugs the cable of a machine into the controller's bridge. Its other end is the emulator's.
pub(crate) fn create_machine(controller: &Path, index: usize) -> Result<(), NetworkError> {
    let port = port(index);
    ip(
        controller,
        &format!(
            "tuntap add dev {port} mode tap\n\
             link set {port} master br0 up\n"
        ),
    )
}

/// The hardware address of a machine's network card, in the range that is nobody's.
pub(crate) fn hardware_address(index: usize) -> String {
    format!("52:54:00:00:00:{:02x}", index + 2)
}

/// Pulls a host's cable out of the bridge, or puts it back.
pub(crate) fn connect(
    controller: &Path,
    index: usize,
    connected: bool,
) -> Result<(), NetworkError> {
    let state = if connected { "up" } else { "down" };
    ip(controller, &format!("link set {} {state}\n", port(index)))
}

/// Limits what the controller can send to a host, e.g. to `8mbit`.
pub(crate) fn limit(controller: &Path, index: usize, rate: &str) -> Result<(), NetworkError> {
    let port = port(index);
    tc(
        controller,
        &["replace", "dev", &port, "root", "tbf"],
        &["rate", rate, "burst", "32kbit", "latency", "400ms"],
    )
}

/// Lifts the limit.
pub(crate) fn unlimit(controller: &Path, index: usize) -> Result<(), NetworkError> {
    tc(controller, &["delete", "dev", &port(index), "root"], &[])
}

fn create_namespace(net: &Path) -> Result<(), NetworkError> {
    File::create(net).map_err(failed("create", net))?;
    process("unshare")
        .arg(format!("--net={}", net.display()))
        .arg("true")
        .run(DEADLINE)?
        .ok()?;
    Ok(())
}

/// A command in the network namespace that a file stands for.
pub(crate) fn inside(net: &Path, program: &str) -> Command {
    let mut command = process("nsenter");
    command.arg(format!("--net={}", net.display())).arg(program);
    command
}

/// Runs several `ip` commands at once: starting `ip` costs more than what it does.
fn ip(net: &Path, batch: &str) -> Result<(), NetworkError> {
    let mut input = tempfile::tempfile().map_err(failed("create a temporary file for", net))?;
    input
        .write_all(batch.as_bytes())
        .and_then(|()| std::io::Seek::rewind(&mut input))
        .map_err(failed("write a temporary file for", net))?;
    inside(net, "ip")
        .args(["-batch", "-"])
        .stdin(Stdio::from(input))
        .run(DEADLINE)?
        .ok()?;
    Ok(())
}

fn tc(net: &Path, what: &[&str], parameters: &[&str]) -> Result<(), NetworkError> {
    let mut command = inside(net, "tc");
    command.arg("qdisc").args(what).args(parameters);
    command.run(DEADLINE)?.ok()?;
    Ok(())
}
