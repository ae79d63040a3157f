//! What both services share: a directory, an unprivileged user, signals, and the watchdog.

use std::{
    fs::{self, File},
    io::{self, Error},
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::Certificate;

/// Ends the service whose process id is on the first line of `$1`, and removes the directory `$2`, once standard input
/// closes. Its parts are woken before, for they may have been stopped.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1" 2>/dev/null)
if [ -n "$pid" ]; then
    kill -CONT "$pid" $(cat "/proc/$pid/task/$pid/children" 2>/dev/null) 2>/dev/null
    kill -QUIT "$pid" 2>/dev/null
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null
fi
rm -rf "$2"
"#;
const PATIENCE: Duration = Duration::from_secs(30);

/// A server program that is started, stopped and signalled, with all it owns below one directory.
#[derive(Debug)]
pub(crate) struct Server {
    directory: TempDir,
    user: Option<User>,
    pid_file: PathBuf,
    /// The server, while it runs.
    running: Mutex<Option<Child>>,
    watchdog: Child,
}

/// Who a server runs as if this process is root.
#[derive(Debug)]
struct User {
    name: String,
    uid: u32,
    gid: u32,
}

/// How a server is to run, whichever it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) durable: bool,
    pub(crate) certificate: Option<Certificate>,
    /// Settings of the server's own kind, by name.
    pub(crate) more: Vec<(String, String)>,
}

impl Settings {
    /// All that the server is told: what it needs, what it needs for TLS if it speaks that, and what was asked for.
    pub(crate) fn told<'a>(
        &'a self,
        own: impl IntoIterator<Item = (&'a str, String)>,
        tls: impl IntoIterator<Item = (&'a str, String)>,
    ) -> impl Iterator<Item = (&'a str, String)> {
        let tls = self.certificate.is_some().then_some(tls).into_iter().flatten();
        let more = self.more.iter().map(|(name, value)| (name.as_str(), value.clone()));
        own.into_iter().chain(tls).chain(more)
    }
}

impl Server {
    /// A directory for a server that runs as `user`, if this process is root and there is such a user. The certificate is
    /// `server.crt` in it, and its key `server.key`.
    pub(crate) fn prepare(user: &str, pid_file: &str, settings: &Settings) -> io::Result<Self> {
        // Not TMPDIR: the path of a unix socket has to be short.
        let directory = tempfile::Builder::new().prefix("orgconnect-").tempdir_in("/tmp")?;
        let user = unprivileged(directory.path(), user)?;
        if let Some(user) = &user {
            chown(directory.path(), Some(user.uid), Some(user.gid))?;
        }
        let pid_file = directory.path().join(pid_file);
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG, "watchdog"])
            .args([&pid_file, directory.path()])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let server = Self { directory, user, pid_file, running: Mutex::default(), watchdog };
        if let Some(certificate) = &settings.certificate {
            server.write("server.crt", &certificate.certificate)?;
            server.write("server.key", &certificate.key)?;
        }
        Ok(server)
    }

    /// The path of a file in its directory, as a setting.
    pub(crate) fn named(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file that the server may read and nobody else.
    pub(crate) fn write(&self, name: &str, content: &str) -> io::Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, content)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        if let Some(user) = &self.user {
            chown(&path, Some(user.uid), Some(user.gid))?;
        }
        Ok(path)
    }

    /// A program that will run as the server's user, in its directory, and write to its log.
    pub(crate) fn command(&self, program: &Path) -> io::Result<Command> {
        let mut command = match &self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--clear-groups", "--reuid", &user.name, "--regid", &user.gid.to_string()]);
                command.arg(program);
                command
            }
        };
        let log = File::options().create(true).append(true).open(self.path("log"))?;
        command
            .current_dir(self.directory.path())
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        Ok(command)
    }

    /// Starts the server and waits until `ready` says so.
    pub(crate) fn launch(&self, mut command: Command, ready: impl Fn() -> bool) -> io::Result<()> {
        let mut running = self.running();
        if running.is_some() {
            return Err(Error::other("it runs already"));
        }
        let mut child = command.spawn()?;
        let began = Instant::now();
        while !ready() {
            if let Some(status) = child.try_wait()? {
                return Err(Error::other(format!("it ended ({status}): {}", self.log())));
            }
            if began.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                return Err(Error::other(format!("it did not get ready: {}", self.log())));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        *running = Some(child);
        Ok(())
    }

    /// Sends a signal to the server itself, and to its parts if it has several and `parts` says so.
    pub(crate) fn signal(&self, signal: &str, parts: bool) -> io::Result<()> {
        let mut pids = self.pids()?;
        if !parts {
            pids.truncate(1);
        }
        // A part that has ended meanwhile is none to be signalled.
        Command::new("kill").arg(format!("-{signal}")).args(&pids).stderr(Stdio::null()).status()?;
        Ok(())
    }

    /// The process id of the server, and those of its parts.
    pub(crate) fn pids(&self) -> io::Result<Vec<String>> {
        let running = self.running();
        let Some(child) = &*running else { return Err(Error::other("it does not run")) };
        let pid = child.id();
        let parts = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        Ok([&[pid.to_string()], &*parts.split_whitespace().map(str::to_owned).collect::<Vec<_>>()].concat())
    }

    /// The CPU time that the server and its parts have used, those that have ended among them.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        // In hundredths of a second, whatever the machine (USER_HZ): user, system, and both of the children waited for.
        let ticks = |pid: &String| -> u64 {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
            fields.skip(11).take(4).filter_map(|field| field.parse::<u64>().ok()).sum()
        };
        Ok(Duration::from_millis(self.pids()?.iter().map(ticks).sum::<u64>() * 10))
    }

    /// The memory that the server and its parts take, in MiB; what they share counts once.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let kibibytes = |pid: &String| -> u64 {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
            line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
        };
        Ok(self.pids()?.iter().map(kibibytes).sum::<u64>() / 1024)
    }

    /// Sends a signal that ends the server, and waits until it has ended.
    pub(crate) fn end(&self, signal: &str) -> io::Result<()> {
        self.signal(signal, false)?;
        let mut running = self.running();
        let Some(child) = &mut *running else { return Ok(()) };
        let began = Instant::now();
        while child.try_wait()?.is_none() {
            if began.elapsed() > PATIENCE {
                child.kill()?;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        *running = None;
        Ok(())
    }

    pub(crate) fn is_running(&self) -> bool {
        self.running().is_some()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The watchdog does it, so that there is one way only; its end is waited for.
        drop(self.watchdog.stdin.take());
        if let Some(child) = &mut *self.running() {
            let _ = child.wait();
        }
        let _ = self.watchdog.wait();
        let _ = fs::remove_file(&self.pid_file);
    }
}

/// The user for a server, if this process is root: who owns what this process makes says that.
fn unprivileged(own: &Path, wanted: &str) -> io::Result<Option<User>> {
    if fs::metadata(own)?.uid() != 0 {
        return Ok(None);
    }
    let passwd = fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next().filter(|found| *found == name)?.to_owned();
            let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            Some(User { name: found, uid, gid })
        })
    };
    find(wanted)
        .or_else(|| find("nobody"))
        .map(Some)
        .ok_or_else(|| Error::other(format!("there is no user {wanted} and no user nobody to run it as")))
}

/// A port on loopback that was free a moment ago.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program of a Debian package.
pub(crate) fn missing(what: &str) -> Error {
    Error::other(format!("{what} is not installed; run `tools/setup services`"))
}
