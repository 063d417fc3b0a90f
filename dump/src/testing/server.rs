//! A PostgreSQL server in a folder of its own, on a free port, gone when it is dropped.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const START_TIMEOUT: Duration = Duration::from_secs(60);
/// The superuser that owns the server, and its password.
const OWNER: &str = "owner";
const PASSWORD: &str = "correct horse";

/// A running server.
#[derive(Debug)]
pub struct PostgresServer {
    folder: TempDir,
    port: u16,
    account: Option<Account>,
    settings: Vec<String>,
    process: Option<Child>,
}

/// How a server is set up.
#[derive(Clone, Debug)]
pub struct ServerOptions<'a> {
    /// The encoding of its databases.
    pub encoding: &'a str,
    /// Further settings, as `name=value`.
    pub settings: &'a [&'a str],
    /// Certificate and key of the server, in PEM; it speaks TLS with them.
    pub tls: Option<(&'a str, &'a str)>,
}

impl Default for ServerOptions<'_> {
    fn default() -> Self {
        Self {
            encoding: "UTF8",
            settings: &[],
            tls: None,
        }
    }
}

/// The system's account that runs the server: PostgreSQL refuses root.
#[derive(Clone, Copy, Debug)]
struct Account {
    user: u32,
    group: u32,
}

impl PostgresServer {
    /// Starts a server with one database, `ledger`.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&ServerOptions::default())
    }

    /// Starts a server that is set up in a special way.
    #[must_use]
    pub fn start_with(options: &ServerOptions<'_>) -> Self {
        let folder = TempDir::with_prefix("tabchain-postgres-").expect("a temporary folder");
        let account = is_root().then(postgres_account);
        give(folder.path(), account);
        let mut server = Self {
            port: free_port(),
            folder,
            account,
            settings: options.settings.iter().map(|&set| set.to_owned()).collect(),
            process: None,
        };
        server.make_cluster(options);
        server.resume();
        server.psql("postgres", "CREATE DATABASE ledger");
        server
    }

    /// The URL of a database here, for the superuser.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_as(OWNER, PASSWORD, database)
    }

    /// The URL of a database here.
    #[must_use]
    pub fn url_as(&self, user: &str, password: &str, database: &str) -> String {
        let password = password.replace(' ', "%20");
        format!(
            "postgresql://{user}:{password}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs statements as superuser; returns what psql prints, unaligned and without headings.
    pub fn psql(&self, database: &str, statements: &str) -> String {
        self.psql_as(&self.url(database), statements)
    }

    /// The same as another user.
    pub fn psql_as(&self, url: &str, statements: &str) -> String {
        let output = Command::new(program("psql"))
            .args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"])
            .args(["--set=ON_ERROR_STOP=1", "--dbname", url])
            .args(["--command", statements])
            .output()
            .expect("psql");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{statements}: {said}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }

    /// Runs a script as superuser, which may use psql's own commands, in one transaction.
    pub fn psql_script(&self, database: &str, script: &str) {
        let file = self.folder.path().join("script.sql");
        fs::write(&file, script).unwrap();
        let output = Command::new(program("psql"))
            .args(["--no-psqlrc", "--quiet", "--single-transaction"])
            .args(["--set=ON_ERROR_STOP=1", "--dbname", &self.url(database)])
            .arg("--file")
            .arg(&file)
            .output()
            .expect("psql");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}: {said}");
    }

    /// Stops the server: politely, or as a power failure of the process would.
    pub fn stop(&mut self, is_crash: bool) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        let signal = if is_crash { "-QUIT" } else { "-INT" };
        let id = process.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
        process.wait().expect("the server's end");
    }

    /// Starts the server again after [`Self::stop`], on the same port.
    pub fn resume(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"))
            .unwrap();
        let mut command = self.command("postgres");
        command
            .arg("-D")
            .arg(self.data())
            .args(["-p", &self.port.to_string()])
            // Nothing here has to survive the machine.
            .args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1"])
            .arg("-c")
            .arg(format!(
                "unix_socket_directories={}",
                self.folder.path().display()
            ));
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.process = Some(command.spawn().expect("postgres"));
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + START_TIMEOUT;
        loop {
            let ready = Command::new(program("pg_isready"))
                .args(["--quiet", "--host=127.0.0.1"])
                .args(["--port", &self.port.to_string()])
                .status();
            if ready.is_ok_and(|status| status.success()) {
                return;
            }
            let ended = self
                .process
                .as_mut()
                .and_then(|process| process.try_wait().unwrap());
            if ended.is_some() || Instant::now() > deadline {
                let log = fs::read_to_string(self.folder.path().join("log"));
                panic!("PostgreSQL did not start: {}", log.unwrap_or_default());
            }
            sleep(Duration::from_millis(20));
        }
    }

    fn make_cluster(&mut self, options: &ServerOptions<'_>) {
        let password = self.folder.path().join("password");
        self.put(&password, PASSWORD);
        let output = self
            .command("initdb")
            .arg("-D")
            .arg(self.data())
            .args(["--username", OWNER, "--auth=scram-sha-256", "--no-sync"])
            .args(["--locale=C", "--encoding", options.encoding])
            .arg("--pwfile")
            .arg(&password)
            .output()
            .expect("initdb");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "initdb: {said}");
        if let Some((certificate, key)) = options.tls {
            self.put(&self.data().join("server.crt"), certificate);
            self.put(&self.data().join("server.key"), key);
            self.settings.push("ssl=on".to_owned());
        }
    }

    /// Writes a file that only the server's account may read.
    fn put(&self, path: &Path, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        give(path, self.account);
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command.current_dir(self.folder.path());
        if let Some(Account { user, group }) = self.account {
            command.uid(user).gid(group);
        }
        command
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let id = process.id().to_string();
            // A test that fails already must not fail again.
            let _ = Command::new("kill").args(["-QUIT", &id]).status();
            let _ = process.wait();
        }
    }
}

/// A program of PostgreSQL. Debian keeps those of the server out of the path.
fn program(name: &str) -> PathBuf {
    let mut versions: Vec<_> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.filter_map(Result::ok).collect())
        .unwrap_or_default();
    versions.sort_by_key(|entry| {
        let name = entry.file_name().to_string_lossy().into_owned();
        name.parse::<u32>().unwrap_or_default()
    });
    let newest = versions
        .last()
        .map(|entry| entry.path().join("bin").join(name));
    newest
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from(name))
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn is_root() -> bool {
    number_of("-u", None) == 0
}

/// The account that Debian's package makes.
fn postgres_account() -> Account {
    Account {
        user: number_of("-u", Some("postgres")),
        group: number_of("-g", Some("postgres")),
    }
}

fn number_of(which: &str, user: Option<&str>) -> u32 {
    let output = Command::new("id")
        .arg(which)
        .args(user)
        .output()
        .expect("id");
    let text = String::from_utf8(output.stdout).unwrap();
    let number = text.trim().parse();
    number.expect("an account `postgres`: install the package postgresql")
}

fn give(path: &Path, account: Option<Account>) {
    let given: io::Result<()> = match account {
        Some(Account { user, group }) => chown(path, Some(user), Some(group)),
        None => Ok(()),
    };
    given.unwrap();
}
