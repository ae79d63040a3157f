//! The Secret Service of a Linux desktop (GNOME Keyring, `KWallet`, `KeePassXC`): one entry read, or written.
//!
//! Source: freedesktop.org's Secret Service API, draft 0.2. Secrets cross the session's bus as they are: whoever could listen
//! there is the same user, and could ask the service itself.

mod bus;
mod wire;

use std::time::Duration;

use self::{
    bus::Bus,
    wire::{Call, Malformed, Message, Writer},
};
use super::Failure;
use crate::Secret;

/// How long somebody may take to type the keyring's password.
const PROMPT: Duration = Duration::from_mins(2);
/// The object that is the service itself.
const SERVICE: &str = "/org/freedesktop/secrets";
/// What the service says in place of an object.
const NOTHING: &str = "/";

/// The text of the entry, if there is one.
pub(super) fn read(service: &str, account: &str) -> Result<Option<Secret>, Failure> {
    Session::open(Bus::of_session()?)?.read(service, account)
}

/// Makes the entry hold the text, whether there was one or not.
pub(super) fn write(service: &str, account: &str, text: &Secret) -> Result<(), Failure> {
    Session::open(Bus::of_session()?)?.write(service, account, text)
}

struct Session {
    bus: Bus,
    path: String,
}

impl Session {
    fn open(bus: Bus) -> Result<Self, Failure> {
        let mut session = Self { bus, path: String::new() };
        let mut body = Writer::new();
        body.string("plain").signature("s").string("");
        let answer = session.call(SERVICE, "Service", "OpenSession", "sv", &body)?;
        let mut values = answer.body("vo")?;
        if values.signature()? != "s" {
            return Err(Malformed.into());
        }
        values.string()?;
        values.path()?.clone_into(&mut session.path);
        Ok(session)
    }

    fn call(
        &mut self,
        path: &str,
        of: &str,
        member: &str,
        signature: &str,
        body: &Writer,
    ) -> Result<Message, Failure> {
        let call = Call {
            destination: "org.freedesktop.secrets",
            path,
            interface: &format!("org.freedesktop.Secret.{of}"),
            member,
            signature,
        };
        self.bus.call(&call, body)
    }

    fn read(&mut self, service: &str, account: &str) -> Result<Option<Secret>, Failure> {
        let Some(item) = self.find(service, account)? else { return Ok(None) };
        self.get(&item).map(Some)
    }

    fn write(&mut self, service: &str, account: &str, text: &Secret) -> Result<(), Failure> {
        match self.find(service, account)? {
            Some(item) => self.set(&item, text),
            None => self.create(service, account, text),
        }
    }

    /// The one entry of that name, unlocked.
    fn find(&mut self, service: &str, account: &str) -> Result<Option<String>, Failure> {
        let mut body = Writer::new();
        body.dictionary(&[("service", service), ("username", account)]);
        let answer = self.call(SERVICE, "Service", "SearchItems", "a{ss}", &body)?;
        let mut values = answer.body("aoao")?;
        let (unlocked, locked) = (values.paths()?, values.paths()?);
        match (&unlocked[..], &locked[..]) {
            ([], []) => Ok(None),
            ([item], []) => Ok(Some((*item).to_owned())),
            ([], [item]) => self.unlock(item).map(|()| Some((*item).to_owned())),
            _ => Err(Failure::Ambiguous),
        }
    }

    fn unlock(&mut self, object: &str) -> Result<(), Failure> {
        let mut body = Writer::new();
        body.array(4, |body| {
            body.string(object);
        });
        let answer = self.call(SERVICE, "Service", "Unlock", "ao", &body)?;
        let mut values = answer.body("aoo")?;
        values.paths()?;
        self.prompt(values.path()?)
    }

    /// Lets the service ask the user, if it wants to.
    fn prompt(&mut self, prompt: &str) -> Result<(), Failure> {
        if prompt == NOTHING {
            return Ok(());
        }
        self.bus.listen(prompt)?;
        let mut body = Writer::new();
        body.string("");
        self.call(prompt, "Prompt", "Prompt", "s", &body)?;
        let done = self.bus.signal(prompt, "Completed", PROMPT)?;
        let dismissed = done.body("bv")?.boolean()?;
        if dismissed { Err(Failure::Locked("its password was not given".to_owned())) } else { Ok(()) }
    }

    /// Waits until what the service answered to have made is there.
    fn made(&mut self, answer: &Message) -> Result<(), Failure> {
        let mut values = answer.body("oo")?;
        values.path()?;
        self.prompt(values.path()?)
    }

    fn get(&mut self, item: &str) -> Result<Secret, Failure> {
        let mut body = Writer::new();
        body.string(&self.path);
        let answer = self.call(item, "Item", "GetSecret", "o", &body)?;
        let mut values = answer.body("(oayays)")?;
        values.path()?;
        values.octets()?;
        let text = std::str::from_utf8(values.octets()?).map_err(|_| Failure::NotText)?;
        Ok(Secret::from(text))
    }

    fn set(&mut self, item: &str, text: &Secret) -> Result<(), Failure> {
        let mut body = Writer::new();
        self.secret(&mut body, text);
        self.call(item, "Item", "SetSecret", "(oayays)", &body).map(drop)
    }

    fn create(&mut self, service: &str, account: &str, text: &Secret) -> Result<(), Failure> {
        let collection = self.default_collection()?;
        self.unlock(&collection)?;
        let mut body = Writer::new();
        body.array(8, |body| {
            let label = format!("keyring:{account}@{service}");
            body.structure().string("org.freedesktop.Secret.Item.Label").signature("s").string(&label);
            body.structure().string("org.freedesktop.Secret.Item.Attributes").signature("a{ss}");
            body.dictionary(&[("service", service), ("username", account)]);
        });
        self.secret(&mut body, text);
        body.boolean(true);
        let answer = self.call(&collection, "Collection", "CreateItem", "a{sv}(oayays)b", &body)?;
        self.made(&answer)
    }

    /// The collection that the desktop unlocks when the user logs in. One is made where there is none.
    fn default_collection(&mut self) -> Result<String, Failure> {
        if let Some(collection) = self.alias()? {
            return Ok(collection);
        }
        let mut body = Writer::new();
        body.array(8, |body| {
            body.structure()
                .string("org.freedesktop.Secret.Collection.Label")
                .signature("s")
                .string("Default");
        });
        body.string("default");
        let answer = self.call(SERVICE, "Service", "CreateCollection", "a{sv}s", &body)?;
        self.made(&answer)?;
        self.alias()?.ok_or_else(|| Failure::Absent("it has no default collection".to_owned()))
    }

    fn alias(&mut self) -> Result<Option<String>, Failure> {
        let mut body = Writer::new();
        body.string("default");
        let answer = self.call(SERVICE, "Service", "ReadAlias", "s", &body)?;
        let path = answer.body("o")?.path()?;
        Ok((path != NOTHING).then(|| path.to_owned()))
    }

    /// A secret as the service takes it: session, parameters of its cipher, value, type.
    fn secret(&self, body: &mut Writer, text: &Secret) {
        body.structure().string(&self.path).octets(b"").octets(text.expose().as_bytes()).string("text/plain");
    }
}

impl From<Malformed> for Failure {
    fn from(_: Malformed) -> Self {
        Self::Absent("its answer can't be read".to_owned())
    }
}

impl Failure {
    /// The failure that D-Bus calls so.
    fn named(name: &str) -> Self {
        let shown = || name.chars().take(255).flat_map(char::escape_default).collect();
        match name.rsplit('.').next() {
            Some("IsLocked") => Self::Locked(shown()),
            Some("ServiceUnknown" | "NameHasNoOwner") => {
                Self::Absent("no program keeps the secrets of this session".to_owned())
            }
            _ => Self::Absent(shown()),
        }
    }
}

#[cfg(test)]
mod tests;
