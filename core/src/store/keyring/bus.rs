//! The session bus: finding it, saying who we are, and calling objects on it, one call at a time.
//!
//! Source: the D-Bus specification, "Server Addresses" and "Authentication Protocol". Whoever can read the socket of a
//! session's bus is the user whose bus it is, which the system sees to.

use std::{
    collections::VecDeque,
    env,
    ffi::OsString,
    io::{self, Read, Write},
    os::unix::{ffi::OsStringExt, net::UnixStream},
    path::PathBuf,
    time::{Duration, Instant},
};

use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::{
    super::Failure,
    wire::{self, Call, Kind, Malformed, Message, Writer},
};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(25);

/// A connection to the session bus.
pub(super) struct Bus {
    stream: UnixStream,
    serial: u32,
    /// Signals that came while an answer was awaited.
    signals: VecDeque<Message>,
}

impl Bus {
    /// Connects to the bus of this session: that of `DBUS_SESSION_BUS_ADDRESS`, or else the one in `XDG_RUNTIME_DIR`.
    pub(super) fn of_session() -> Result<Self, Failure> {
        let addresses =
            env::var("DBUS_SESSION_BUS_ADDRESS").unwrap_or_else(|_| "unix:runtime=yes".to_owned());
        let mut why = "neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR leads to a D-Bus".to_owned();
        for address in addresses.split(';') {
            match Address::parse(address).map(|address| address.connect()) {
                Some(Ok(stream)) => return Self::greet(stream),
                Some(Err(error)) => why = format!("the session's D-Bus: {error}"),
                None => {}
            }
        }
        Err(Failure::Absent(why))
    }

    /// Says who we are, which the bus reads off the socket, and takes up a name.
    pub(super) fn greet(stream: UnixStream) -> Result<Self, Failure> {
        let mut bus = Self { stream, serial: 0, signals: VecDeque::new() };
        let until = Instant::now() + ANSWER;
        bus.send(b"\0AUTH EXTERNAL\r\nDATA\r\n")?;
        while !bus.line(until)?.starts_with("OK ") {}
        bus.send(b"BEGIN\r\n")?;
        bus.call(&daemon("Hello", ""), &Writer::new())?;
        Ok(bus)
    }

    /// A line of the conversation before messages begin.
    fn line(&mut self, until: Instant) -> Result<String, Failure> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut octet = [0];
            self.receive(&mut octet, until)?;
            line.push(octet[0]);
            if line.len() > 1024 {
                return Err(Malformed.into());
            }
        }
        let line = String::from_utf8(line).map_err(|_| Malformed)?;
        if line.starts_with("REJECTED") || line.starts_with("ERROR") {
            return Err(Failure::Absent("the session's D-Bus takes no connection from this user".to_owned()));
        }
        Ok(line)
    }

    /// Calls, and waits for the answer.
    pub(super) fn call(&mut self, call: &Call<'_>, body: &Writer) -> Result<Message, Failure> {
        self.serial += 1;
        self.send(&call.message(self.serial, body))?;
        let until = Instant::now() + ANSWER;
        loop {
            let message = self.message(until)?;
            match &message.kind {
                Kind::Return(serial) if *serial == self.serial => return Ok(message),
                Kind::Error(serial, name) if *serial == self.serial => return Err(Failure::named(name)),
                Kind::Signal { .. } if self.signals.len() < 64 => self.signals.push_back(message),
                _ => {}
            }
        }
    }

    /// Has the bus pass on the signals of an object.
    pub(super) fn listen(&mut self, path: &str) -> Result<(), Failure> {
        let mut body = Writer::new();
        body.string(&format!("type='signal',path='{path}'"));
        self.call(&daemon("AddMatch", "s"), &body).map(drop)
    }

    /// Waits for a signal that was listened for.
    pub(super) fn signal(&mut self, from: &str, named: &str, patience: Duration) -> Result<Message, Failure> {
        let until = Instant::now() + patience;
        loop {
            let message = match self.signals.pop_front() {
                Some(message) => message,
                None => self.message(until)?,
            };
            if matches!(&message.kind, Kind::Signal { path, member } if path == from && member == named) {
                return Ok(message);
            }
        }
    }

    fn message(&mut self, until: Instant) -> Result<Message, Failure> {
        let mut prefix = [0; wire::PREFIX];
        self.receive(&mut prefix, until)?;
        let mut octets = Zeroizing::new(vec![0; wire::length(&prefix)?]);
        let (first, rest) = octets.split_at_mut(wire::PREFIX);
        first.copy_from_slice(&prefix);
        self.receive(rest, until)?;
        Ok(Message::read(octets)?)
    }

    fn send(&mut self, octets: &[u8]) -> Result<(), Failure> {
        self.stream
            .set_write_timeout(Some(ANSWER))
            .and_then(|()| self.stream.write_all(octets))
            .map_err(broken)
    }

    fn receive(&mut self, mut octets: &mut [u8], until: Instant) -> Result<(), Failure> {
        while !octets.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::Locked("it has not answered".to_owned()));
            }
            self.stream.set_read_timeout(Some(left)).map_err(broken)?;
            match self.stream.read(octets) {
                Ok(0) => return Err(broken(io::ErrorKind::UnexpectedEof.into())),
                Ok(read) => octets = &mut octets[read..],
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                Err(error) => return Err(broken(error)),
            }
        }
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` gives")]
fn broken(error: io::Error) -> Failure {
    Failure::Absent(format!("the session's D-Bus has hung up: {error}"))
}

/// A call to the bus itself.
fn daemon<'a>(member: &'a str, signature: &'a str) -> Call<'a> {
    Call {
        destination: "org.freedesktop.DBus",
        path: "/org/freedesktop/DBus",
        interface: "org.freedesktop.DBus",
        member,
        signature,
    }
}

/// Where a bus listens.
#[derive(Debug, PartialEq, Eq)]
enum Address {
    Path(PathBuf),
    Abstract(Vec<u8>),
}

impl Address {
    /// The address in one of the texts between semicolons; none for a transport other than a Unix socket.
    fn parse(text: &str) -> Option<Self> {
        let value = |text| percent_decode_str(text).collect::<Vec<u8>>();
        text.strip_prefix("unix:")?.split(',').find_map(|pair| match pair.split_once('=')? {
            ("path", path) => Some(Self::Path(OsString::from_vec(value(path)).into())),
            ("abstract", name) => Some(Self::Abstract(value(name))),
            ("runtime", "yes") => {
                Some(Self::Path(PathBuf::from(env::var_os("XDG_RUNTIME_DIR")?).join("bus")))
            }
            _ => None,
        })
    }

    fn connect(&self) -> io::Result<UnixStream> {
        match self {
            Self::Path(path) => UnixStream::connect(path),
            Self::Abstract(name) => connect_abstract(name),
        }
    }
}

#[cfg(target_os = "linux")]
fn connect_abstract(name: &[u8]) -> io::Result<UnixStream> {
    use std::os::{linux::net::SocketAddrExt, unix::net::SocketAddr};
    UnixStream::connect_addr(&SocketAddr::from_abstract_name(name)?)
}

#[cfg(not(target_os = "linux"))]
fn connect_abstract(_: &[u8]) -> io::Result<UnixStream> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_the_specification_says() {
        let path = |text: &str| Some(Address::Path(PathBuf::from(text)));
        assert_eq!(Address::parse("unix:path=/run/user/1000/bus"), path("/run/user/1000/bus"));
        assert_eq!(Address::parse("unix:guid=0af3,path=/tmp/a%20b"), path("/tmp/a b"));
        assert_eq!(
            Address::parse("unix:abstract=/tmp/dbus-x,guid=0"),
            Some(Address::Abstract(b"/tmp/dbus-x".into()))
        );
        for other in
            ["", "autolaunch:", "tcp:host=localhost,port=1", "unix:", "unix:tmpdir=/tmp", "unix:path"]
        {
            assert_eq!(Address::parse(other), None, "{other}");
        }
    }
}
